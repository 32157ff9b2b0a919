// A click on a heading sorts its table; everything is readable without it.
document.querySelectorAll("table.sortable").forEach((table) => {
  const value = (row, i) => {
    const text = row.cells[i].textContent.trim();
    const number = parseFloat(text.replace(/[\s\u202f]/g, "").replace("−", "-"));
    const factor = /\dM/.test(text) ? 1e6 : /\dk/.test(text) ? 1e3 : 1;
    return Number.isNaN(number) ? (text === "–" ? Infinity : text.toLowerCase()) : number * factor;
  };
  table.querySelectorAll("thead th").forEach((head, i) => {
    head.classList.add("sorts");
    head.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      table.querySelectorAll("th").forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const order = (a, b) => {
        const [x, y] = [value(a, i), value(b, i)];
        const same = typeof x === typeof y ? (x < y ? -1 : x > y ? 1 : 0) : String(x).localeCompare(String(y));
        return down ? -same : same;
      };
      [...table.tBodies[0].rows].sort(order).forEach((row) => table.tBodies[0].append(row));
    });
  });
});
