// While a run goes on: how far it is, by data/live.js, and the page again when it was written anew.
"use strict";
{
  const line = document.getElementById("live"), EVERY = 15000, SILENT = 300000;
  let seen = false;
  const told = (live) => {
    if (seen && !live.over && live.page > Number(line.dataset.page)) return location.reload();
    seen = true;
    const silent = Date.now() - live.at > SILENT;
    const when = new Date(live.at).toLocaleTimeString();
    line.textContent = live.words + (live.over ? ". Run it again to go on."
      : silent ? `. Nothing was heard of it since ${when}: was it ended? Run it again to go on.` : ". This page shows itself again when there is more.");
    if (!live.over) setTimeout(look, EVERY);
  };
  const look = () => {
    const script = document.createElement("script");
    script.src = `data/live.js?${Date.now()}`;
    script.onload = () => { script.remove(); told(infomax.live); };
    script.onerror = () => { script.remove(); if (seen) location.reload(); }; // the report is there
    document.head.append(script);
  };
  if (line) look();
}
