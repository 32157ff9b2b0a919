// The explorer opens when it is scrolled to or linked to; before that nothing of it is loaded.
"use strict";
{
  const section = document.getElementById("explorer");
  const linked = () => location.hash.startsWith("#explore");
  let opened = false;
  const open = async () => {
    if (opened) return;
    opened = true;
    const parts = ["numbers", "views", "controls"].map((name) => `data/static/explorer/${name}.js`);
    try {
      await infomax.plot();
      for (const src of [parts[0], "data/series.js", ...parts.slice(1)]) await infomax.load(src);
      await infomax.explore.start(section);
    } catch (error) {
      opened = false;
      section.querySelector("[data-part=wait]").textContent = `The explorer does not open: ${error.message}.`;
    }
  };
  const follow = () => {
    if (!linked()) return;
    open();
    const { top, bottom } = section.getBoundingClientRect();
    if (location.hash !== infomax.explore?.made && (top > innerHeight / 2 || bottom < 0)) section.scrollIntoView();
  };
  if (section) {
    new IntersectionObserver((seen, observer) => {
      if (!seen.some((one) => one.isIntersecting)) return;
      observer.disconnect();
      open();
    }, { rootMargin: "200px" }).observe(section);
    addEventListener("hashchange", follow);
    follow();
  }
}
