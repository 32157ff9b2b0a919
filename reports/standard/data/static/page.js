// What all scripts of the page share. Everything is readable without any of them.
"use strict";
window.infomax = {
  methods: JSON.parse(document.getElementById("methods").textContent),
  loading: {},
  // Runs a script beside the page, once; fetch and modules fail on file://.
  load(src) {
    infomax.loading[src] ??= new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = src;
      script.onload = () => resolve();
      script.onerror = () => {
        delete infomax.loading[src];
        reject(new Error(`${src} could not be loaded`));
      };
      document.head.append(script);
    });
    return infomax.loading[src];
  },
  // Observable Plot, which needs d3 to be there: window.Plot and window.d3.
  plot() {
    const others = (name) => infomax.load(`data/static/vendor/${name}.min.js`);
    return others("d3").then(() => others("plot"));
  },
};

// Light or dark: the system's choice, or the button's. Private windows and file:// may keep nothing.
{
  const root = document.documentElement, button = document.getElementById("theme");
  const kept = { get() { try { return localStorage.getItem("theme"); } catch { return null; } },
                 set(value) { try { localStorage.setItem("theme", value); } catch { /* not kept */ } } };
  const dark = () => (root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const show = () => { button.textContent = dark() ? "Light" : "Dark"; };
  if (["light", "dark"].includes(kept.get())) root.dataset.theme = kept.get();
  button.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    kept.set(root.dataset.theme);
    show();
    document.dispatchEvent(new CustomEvent("theme"));
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
  button.hidden = false;
  show();
}

// The menu closes behind whoever took a link, pressed Escape, or clicked elsewhere.
{
  const menu = document.querySelector("nav .menu");
  const close = () => { menu.open = false; };
  menu.addEventListener("click", (event) => { if (event.target.closest("a")) close(); });
  document.addEventListener("click", (event) => { if (!menu.contains(event.target)) close(); });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    close();
    menu.querySelector("summary").focus();
  });
}

// A link into something folded unfolds it.
{
  const named = (hash) => { try { return decodeURIComponent(hash); } catch { return ""; /* a broken link leads nowhere */ } };
  const unfold = () => {
    const at = document.getElementById(named(location.hash.slice(1)));
    for (let one = at; one; one = one.parentElement) if (one.tagName === "DETAILS") one.open = true;
    if (at && at.closest("details")) at.scrollIntoView();
  };
  addEventListener("hashchange", unfold);
  unfold();
}

// What scrolls sideways can be reached by keyboard.
{
  const reach = () => document.querySelectorAll(".wide-table").forEach((one) => {
    if (one.scrollWidth > one.clientWidth) one.tabIndex = 0;
    else one.removeAttribute("tabindex");
  });
  addEventListener("resize", reach);
  reach();
}
