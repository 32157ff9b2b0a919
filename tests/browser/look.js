// What tests measure in a page. Each function returns a list of what is wrong, empty if nothing is.
({
  shown(one) { return one.checkVisibility({ visibilityProperty: true }) && one.getClientRects().length > 0; },
  told(one) { return `${one.tagName.toLowerCase()}${one.id ? "#" + one.id : ""}.${[...one.classList].join(".")} "${one.textContent.trim().slice(0, 60)}"`; },

  // Blocks of text that are narrower than 8 rem, which nobody reads. Hidden texts for screen readers are a pixel wide.
  narrow() {
    const found = [], least = 8 * parseFloat(getComputedStyle(document.documentElement).fontSize);
    for (const box of document.querySelectorAll("main *, footer, nav *")) {
      if (box.closest("svg, select") || getComputedStyle(box).display.startsWith("inline") || !this.shown(box)) continue;
      const inline = (node) => node.nodeType === 3 || (node.nodeType === 1 && !node.closest("svg") && getComputedStyle(node).display.startsWith("inline"));
      const text = [...box.childNodes].filter(inline).map((node) => node.textContent).join("").replace(/\s+/g, " ").trim();
      const style = getComputedStyle(box), width = box.getBoundingClientRect().width - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
      if (text.length >= 40 && width > 2 && width < least) found.push(`${Math.round(width)} px: ${this.told(box)}`);
    }
    return found;
  },

  // What sticks out of the window, unless it lies in something that scrolls.
  wide() {
    if (document.documentElement.scrollWidth <= innerWidth) return [];
    const scrolls = (one) => one && (/auto|scroll|hidden|clip/.test(getComputedStyle(one).overflowX) || scrolls(one.parentElement));
    const out = [...document.querySelectorAll("body *")].filter((one) => one.getBoundingClientRect().right > innerWidth + 1 && !scrolls(one.parentElement));
    return [`${document.documentElement.scrollWidth} px`, ...out.slice(0, 5).map((one) => this.told(one))];
  },

  // Texts of one drawing that lie on each other.
  overlapping() {
    const found = [];
    for (const svg of document.querySelectorAll("svg")) {
      const boxes = [...svg.querySelectorAll("text")].filter((one) => this.shown(one) && one.textContent.trim()).map((one) => [one.textContent, one.getBoundingClientRect()]);
      boxes.forEach(([a, p], i) => boxes.slice(i + 1).forEach(([b, q]) => {
        const across = Math.min(p.right, q.right) - Math.max(p.left, q.left), down = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
        if (across > 2 && down > 4) found.push(`${svg.closest("[id]").id}: "${a}" on "${b}"`);
      }));
    }
    return found.slice(0, 8);
  },

  // Links of the navigation that are neither in sight nor in a menu, and those that lead nowhere.
  lost() {
    const ways = new Map(), found = [];
    const inside = (box) => box.width > 0 && box.left >= 0 && box.right <= innerWidth + 1;
    const look = () => document.querySelectorAll("nav a").forEach((a) => {
      ways.set(a.getAttribute("href"), ways.get(a.getAttribute("href")) || (this.shown(a) && inside(a.getBoundingClientRect())));
    });
    look();
    const menus = [...document.querySelectorAll("nav details")].filter((one) => this.shown(one.querySelector("summary")) && inside(one.querySelector("summary").getBoundingClientRect()));
    for (const menu of menus) { menu.open = true; look(); menu.open = false; }
    for (const [href, reached] of ways) {
      if (!reached) found.push(`${href} is out of sight`);
      if (!href.startsWith("#") || !document.getElementById(decodeURIComponent(href.slice(1)))) found.push(`${href} leads nowhere`);
    }
    return ways.size ? found : ["no links"];
  },

  // Links within the page that lead nowhere.
  dangling() {
    const hrefs = new Set([...document.querySelectorAll('a[href^="#"]')].map((a) => a.getAttribute("href")));
    return [...hrefs].filter((href) => !/^#explore\?/.test(href) && !document.getElementById(decodeURIComponent(href.slice(1))));
  },

  unfold(open) { document.querySelectorAll("main details").forEach((one) => { one.open = open; }); },

  // The explorer's rows: column -> text, without the boxes that choose colours.
  rows() {
    const cells = (row) => [...row.cells].filter((one) => !one.querySelector("input") && one.textContent !== "colour");
    const [head, ...rows] = [...document.querySelectorAll("#explorer table tr")].map(cells);
    const text = (one) => one.textContent.replace(" †", "").trim();
    return rows.map((row) => Object.fromEntries(row.map((one, i) => [text(head[i]), text(one)])));
  },

  // How many words are seen before anything is unfolded; what a list offers to choose is not.
  words() {
    const all = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    let n = 0;
    while (all.nextNode()) {
      const { parentElement: own, data } = all.currentNode;
      if (data.trim() && !own.closest("script, style, select, title, noscript") && this.shown(own)) n += data.trim().split(/\s+/).length;
    }
    return n;
  },

  // Goes through the page, so that what is drawn when it is seen is drawn.
  async through() {
    const wait = () => new Promise((done) => setTimeout(done, 30));
    for (let y = 0; y < document.documentElement.scrollHeight; y += innerHeight) { scrollTo({ top: y, behavior: "instant" }); await wait(); }
    scrollTo({ top: 0, behavior: "instant" });
    await wait();
  },
})
