// While a run goes on: how far it is, by data/live.js, and the page again when it was written anew.
"use strict";
{
  const line = document.getElementById("live"), EVERY = 15000, SILENT = 300000, TRIES = 20;
  let seen = false;
  const told = (live) => {
    if (seen && live.page > Number(line.dataset.page)) return location.reload();
    seen = true;
    const silent = Date.now() - live.at > SILENT;
    const when = new Date(live.at).toLocaleTimeString();
    line.textContent = live.words + (live.over ? ". Run it again to go on."
      : silent ? `. Nothing was heard of it since ${when}: was it ended? Run it again to go on.` : ". This page shows itself again when there is more.");
    setTimeout(look, EVERY); // over or not: a later run goes on here
  };
  const look = () => {
    const script = document.createElement("script");
    script.src = `data/live.js?${Date.now()}`;
    script.onload = () => { script.remove(); told(infomax.live); };
    script.onerror = () => { // the report is there, or is being written: data/ first
      script.remove();
      const tries = history.state?.tries ?? 0; // outlives a reload
      if (seen) location.reload();
      else if (tries < TRIES) setTimeout(() => { history.replaceState({ tries: tries + 1 }, ""); location.reload(); }, EVERY);
    };
    document.head.append(script);
  };
  if (line) look();
}
