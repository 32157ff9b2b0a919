// The explorer's controls: what is chosen stands in the link, and what is shown follows from the link alone.
"use strict";
infomax.explore.start = async (section) => {
  const explore = infomax.explore, { views, number, HOME, ELSEWHERE } = explore, { series } = infomax;
  const form = section.querySelector("form"), part = (name) => section.querySelector(`[data-part="${name}"]`);
  const control = (name) => form.elements.namedItem(name);
  const made = (tag, text, set = {}) => Object.assign(document.createElement(tag), text === undefined ? {} : { textContent: text }, set);
  const CHOSEN = { metric: ["metric", "protocol", "x"], against: ["against", "against_protocol", "against_x"] };
  let state, view, shown = [];
  if (!series.metrics.length) {
    part("wait").textContent = "Nothing was measured yet of methods on the same encoder.";
    return;
  }

  // -- what there is to choose ---------------------------------------------------------------------------------------
  const of = (encoder) => series.metrics.filter((one) => series.encoders[one.encoder].name === encoder);
  const find = (among, name, protocol) => among.find((one) => one.name === name && one.protocol === protocol);
  const first = (among, name, protocol) => find(among, name, protocol) ?? among.find((one) => !one.xs.length) ?? among[0];
  const begin = { view: "rank", encoder: series.encoders[0].name, metric: "", protocol: "", x: "", against: "", against_protocol: "", against_x: "", dataset: "", target: HOME,
    width: String(series.width), over: "width", a: series.subject, b: "", pictures: "", role: "", family: "", search: "", labels: "", sort: "", down: "", lines: [] };
  {
    const { metric, protocol, against } = section.dataset;
    for (const [name, one] of [["metric", first(of(begin.encoder), metric, protocol)], ["against", first(of(begin.encoder), against, "")]])
      [begin[CHOSEN[name][0]], begin[CHOSEN[name][1]]] = [one.name, one.protocol];
  }

  function choose(name, options, value) {
    const select = control(name), groups = new Map();
    for (const [option, text, group] of options) {
      const item = made("option", text, { value: option });
      if (!group) { groups.set(item, item); continue; }
      if (!groups.has(group)) groups.set(group, made("optgroup", undefined, { label: group }));
      groups.get(group).append(item);
    }
    select.replaceChildren(...groups.values());
    select.value = options.some(([option]) => option === value) ? value : (options[0]?.[0] ?? "");
    select.closest("label").hidden = options.length < 2;
    return select.value;
  }

  const unique = (values) => [...new Set(values)].sort((a, b) => (number(a) ? a - b : String(a).localeCompare(String(b))));
  const words = (values, all) => [...(all ? [["", all]] : []), ...unique(values).filter(Boolean).map((one) => [String(one), String(one)])];

  function chooseMetric(name, encoder) {
    const [key, protocol, x] = CHOSEN[name], among = of(encoder);
    const metric = find(among, state[key], state[protocol]) ?? first(among, begin[key], begin[protocol]);
    const options = among.map((one) => [String(series.metrics.indexOf(one)), views.nameOf(one), one.by.join(", ").replaceAll("_", " ")]);
    choose(name, options.sort((a, b) => (a[2] + a[1]).localeCompare(b[2] + b[1])), String(series.metrics.indexOf(metric)));
    const at = choose(x, metric.xs.map((one) => [String(one), `${one} ${metric.x}`]), state[x]);
    return [metric, at === "" ? null : Number(at)];
  }

  // The controls as the state has them; what does not apply to it is hidden.
  function fill() {
    const encoder = choose("encoder", series.encoders.map(({ name }) => [name, name]), state.encoder);
    const [metric, x] = chooseMetric("metric", encoder), [against, againstX] = chooseMetric("against", encoder);
    const places = metric.cases, targets = places.filter((one) => !state.dataset || one[0] === state.dataset);
    const dataset = choose("dataset", words(places.map((one) => one[0]), "all"), state.dataset);
    const elsewhere = targets.filter((one) => one[0] !== one[1]);
    const target = choose("target", [
      ...(targets.some((one) => one[0] === one[1]) || !elsewhere.length ? [[HOME, "where they were trained"]] : []),
      ...(elsewhere.length ? [[ELSEWHERE, "all other data sets"], ...words(elsewhere.map((one) => one[1]))] : [])], state.target);
    const width = Number(choose("width", words([...places.map((one) => one[2]), series.width]), state.width));
    const widths = new Set(places.map((one) => one[2])), swept = metric.xs.length > 1 ? [["x", metric.x || "x"]] : [];
    const over = choose("over", [...(widths.size > 2 || !swept.length ? [["width", "width"]] : []), ...swept], state.over);
    const { methods } = series.encoders[metric.encoder], cards = methods.map(views.card);
    const others = [...series.tones.map(([method]) => method), ...methods].filter((one) => methods.includes(one) && one !== series.subject);
    const a = choose("a", words(methods), state.a), b = choose("b", words(methods), state.b || others[0] || "");
    for (const name of ["role", "family"]) choose(name, words(cards.map((one) => one[name]), "all"), state[name]);
    if (control("search") !== document.activeElement) control("search").value = state.search;
    control("labels").checked = state.labels === "without";
    control("view").value = Object.hasOwn(views, state.view) ? state.view : "rank";
    for (const own of section.querySelectorAll("[data-in]")) own.classList.toggle("other", !own.dataset.in.split(" ").includes(control("view").value));
    const found = cards.filter((card) => (!state.role || card.role === state.role) && (!state.family || card.family === state.family) &&
      (state.labels !== "without" || !card.supervised) && card.method.toLowerCase().includes(state.search.toLowerCase()));
    part("over-width").classList.toggle("other", control("view").value === "lines" && over === "width");
    part("at-x").classList.toggle("other", control("view").value === "lines" && over === "x");
    return { metric, against, againstX, over, a, b, where: { x, dataset, target, width }, picked: state.lines,
      methods: found.map((card) => card.method), filtered: found.length < cards.length };
  }

  // A change makes a link, and the link what is shown; typing leaves no trail behind it.
  function change(changes, quietly) {
    state = { ...state, ...changes };
    const link = explore.format(state, begin);
    explore.made = link;
    if (quietly) { history.replaceState(null, "", link); show(); }
    else if (location.hash !== link) location.hash = link; // hashchange shows it
  }

  // -- what is shown -------------------------------------------------------------------------------------------------
  async function show() {
    const chosen = fill(), at = state, needed = [chosen.metric, ...(control("view").value === "scatter" ? [chosen.against] : [])];
    try {
      await Promise.all(needed.map((one) => infomax.load(`data/${encodeURIComponent(one.file)}`)));
    } catch (error) {
      part("count").textContent = error.message;
      return;
    }
    if (at !== state) return; // something else was chosen meanwhile
    view = views[control("view").value](chosen);
    part("about").textContent = [chosen.metric.help, { higher: "higher is better", lower: "lower is better" }[chosen.metric.better]].filter(Boolean).join("; ");
    part("words").textContent = view.words;
    for (const one of section.querySelectorAll("[data-worn]")) one.hidden = !view.rows.some((row) => row.marks?.includes(one.dataset.worn));
    part("legend").replaceChildren(...[...(view.legend ? view.colours : [])].map(([method, colour]) => {
      const item = made("li", method);
      item.style.setProperty("--own", colour);
      return item;
    }));
    part("pandas").textContent = view.pandas;
    const sort = view.columns.some((one) => one.key === state.sort) ? state.sort : view.sort, down = state.down === "" ? view.down : state.down === "yes";
    shown = sort ? explore.sorted(view.rows, sort, down) : view.rows;
    part("count").textContent = `${shown.length} row${shown.length === 1 ? "" : "s"}${view.rows.some((row) => row.missing) ? `, ${view.rows.filter((row) => row.missing).length} without a value` : ""}`;
    draw();
    tabulate(sort, down);
    await pictures(chosen);
  }

  function draw() {
    const place = part("plot"), width = Math.floor(place.clientWidth);
    if (!view || !width) return;
    const drawn = shown.length ? view.draw(width, shown) : made("p", "Nothing to show.");
    drawn.setAttribute("aria-label", `${views.nameOf(view.metric, view.x)}: a plot of the table below; arrow keys move between its marks`);
    drawn.setAttribute("role", "group");
    for (const group of drawn.querySelectorAll("g[aria-label]")) { // what it tells by itself stands in the table
      group.removeAttribute("aria-label");
      if (!group.querySelector(".live")) group.setAttribute("aria-hidden", "true");
    }
    const live = [...drawn.querySelectorAll(".live")];
    live.forEach((mark, i) => mark.setAttribute("tabindex", i ? "-1" : "0"));
    place.replaceChildren(drawn, made("div", "", { className: "explore-tip", hidden: true }));
  }

  // What a mark tells, beside it, and all marks of its method.
  function point(mark) {
    const place = part("plot"), tip = place.querySelector(".explore-tip");
    for (const one of place.querySelectorAll(".told")) one.classList.toggle("hot", Boolean(mark) && one.dataset.method !== "undefined" && one.dataset.method === mark.dataset.method);
    if (tip) tip.hidden = !mark;
    if (!mark) return;
    const own = mark.getBoundingClientRect(), all = place.getBoundingClientRect();
    tip.textContent = mark.getAttribute("aria-label");
    tip.style.top = `${own.top - all.top + Math.min(own.height, 40) + 8}px`;
    tip.style.left = `${Math.max(0, Math.min(own.left - all.left, all.width - tip.offsetWidth))}px`;
  }

  function tabulate(sort, down) {
    const head = made("tr"), body = made("tbody"), colours = view.colours;
    if (colours.size) head.append(made("th", "colour", { scope: "col" }));
    for (const { key, label, numeric } of view.columns) {
      const cell = made("th", undefined, { scope: "col", className: numeric ? "number" : "" }), button = made("button", label ?? key, { type: "button" });
      const next = key === sort ? !down : numeric;
      if (key === sort) cell.setAttribute("aria-sort", down ? "descending" : "ascending");
      button.dataset.sort = key;
      button.addEventListener("click", () => change({ sort: key, down: next ? "yes" : "no" }));
      cell.append(button);
      head.append(cell);
    }
    const written = view.columns.map(({ key, exact }) => (exact ? (value) => value ?? "–" : views.fixed(shown.map((row) => row[key]))));
    for (const row of shown) {
      const line = made("tr", undefined, { className: row.method === series.subject ? "strong" : "" });
      if (colours.size) line.append(swatch(row.method, colours));
      view.columns.forEach(({ key, numeric }, i) => {
        const cell = made(i ? "td" : "th", numeric ? written[i](row[key]) : row[key], { className: numeric ? "number" : "" });
        if (!i) cell.scope = "row";
        line.append(cell);
      });
      body.append(line);
    }
    const kept = part("table").contains(document.activeElement) ? document.activeElement.dataset : {};
    part("table").replaceChildren(made("caption", view.words), made("thead"), body);
    part("table").tHead.append(head);
    [...part("table").querySelectorAll("button, input")].find((one) => (kept.sort && one.dataset.sort === kept.sort) || (kept.method && one.dataset.method === kept.method))?.focus();
  }

  // A box that gives a method a colour, or takes it away.
  function swatch(method, colours) {
    const cell = made("td"), box = made("input", undefined, { type: "checkbox", checked: colours.has(method), disabled: !colours.has(method) && colours.size >= views.MOST });
    box.setAttribute("aria-label", `${method} in colour`);
    box.dataset.method = method;
    if (colours.has(method)) box.style.accentColor = colours.get(method);
    box.addEventListener("change", () => change({ lines: box.checked ? [...colours.keys(), method] : [...colours.keys()].filter((one) => one !== method) }));
    cell.append(box);
    return cell;
  }

  // What the units of two methods learned, next to each other.
  async function pictures({ a, b, where }) {
    const place = part("pictures"), at = state;
    if (control("view").value !== "pair" || !series.units.length) return place.replaceChildren();
    const dataset = choose("pictures", series.units.map(([name]) => [name, name]), state.pictures || where.dataset);
    await infomax.load(`data/${encodeURIComponent(series.units.find(([name]) => name === dataset)[1])}`);
    if (at !== state) return undefined;
    const found = [a, b].map((method) => infomax.units.get(dataset).filter((one) => one.method === method));
    return place.replaceChildren(...found.flatMap((own, i) => own.length ? own.map((one) => gallery(one, dataset)) : [made("p", `No pictures of ${[a, b][i]} on ${dataset}.`)]));
  }

  function gallery(one, dataset) {
    const figure = made("figure", undefined, { className: "gallery" }), sheets = made("div", undefined, { tabIndex: 0 }), list = made("ol");
    const picture = (kind, alt) => one[kind] && sheets.append(made("img", undefined, { src: one[kind], alt, className: kind }));
    picture("filters", `learned filters of ${one.method} on ${dataset}`);
    picture("top", `a line a unit: the test images that excite it most, ${one.method} on ${dataset}`);
    if (one.top) sheets.lastChild.style.height = `${20 * one.units.length}px`;
    for (const [unit, name, auroc] of one.units) list.append(made("li", `${name}, ${auroc.toFixed(2)} (unit ${unit})`));
    sheets.append(list);
    sheets.setAttribute("role", "region");
    sheets.setAttribute("aria-label", `units of ${one.method} on ${dataset}`);
    figure.append(made("figcaption", `${one.method} on ${dataset}, width ${one.width}${one.others ? `; ${one.others} more units` : ""}`), sheets);
    return figure;
  }

  // -- downloads -----------------------------------------------------------------------------------------------------
  function save(text, type, ending) {
    const link = made("a", undefined, { href: URL.createObjectURL(new Blob([text], { type })), download: `${state.view}-${state.metric}`.replace(/[^\w-]+/g, "_") + ending });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  // The plot as a file of its own: the page's colours as they are now, in place of its variables.
  function picture() {
    const own = part("plot").querySelector("svg").cloneNode(true), page = getComputedStyle(document.documentElement);
    const box = own.viewBox.baseVal, paper = document.createElementNS(own.namespaceURI, "rect");
    for (const [name, value] of Object.entries({ width: box.width, height: box.height, fill: "var(--paper)" })) paper.setAttribute(name, value);
    own.prepend(paper);
    own.setAttribute("xmlns", own.namespaceURI);
    own.setAttribute("color", "var(--ink)");
    own.setAttribute("font-family", "sans-serif");
    own.setAttribute("font-size", "12");
    return new XMLSerializer().serializeToString(own).replace(/var\((--[\w-]+)\)/g, (_, name) => page.getPropertyValue(name).trim() || "none");
  }

  // -- events --------------------------------------------------------------------------------------------------------
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("change", ({ target }) => {
    const { name } = target;
    if (name in CHOSEN) {
      const metric = series.metrics[Number(target.value)], [key, protocol, x] = CHOSEN[name];
      change({ [key]: metric.name, [protocol]: metric.protocol, [x]: "", sort: "", down: "" });
    } else if (name === "labels") change({ labels: target.checked ? "without" : "" });
    else if (name === "view") change({ view: target.value, sort: "", down: "" });
    else if (name !== "search") change({ [name]: target.value });
  });
  form.addEventListener("input", ({ target }) => target.name === "search" && change({ search: target.value }, true));
  part("csv").addEventListener("click", () => save(explore.csv(view.columns, shown), "text/csv", ".csv"));
  part("svg").addEventListener("click", () => part("plot").querySelector("svg") && save(picture(), "image/svg+xml", ".svg"));
  part("reset").addEventListener("click", () => change({ ...begin, view: state.view }));
  const plot = part("plot"), over = (event) => point(event.target.closest?.(".live"));
  plot.addEventListener("pointerover", over);
  plot.addEventListener("pointerleave", () => point(null));
  plot.addEventListener("focusin", over);
  plot.addEventListener("focusout", () => point(null));
  plot.addEventListener("keydown", (event) => {
    const live = [...plot.querySelectorAll(".live")], at = live.indexOf(document.activeElement);
    const to = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: live.length - 1, Escape: at }[event.key];
    if (at < 0 || !live[to]) return;
    event.preventDefault();
    live[at].setAttribute("tabindex", "-1");
    live[to].setAttribute("tabindex", "0");
    if (event.key === "Escape") point(null);
    else live[to].focus();
  });
  new ResizeObserver(() => {
    const drawn = plot.querySelector("svg");
    if (drawn && Math.floor(plot.clientWidth) !== drawn.viewBox.baseVal.width) draw();
  }).observe(plot);
  const follow = () => {
    if (state && /^#(?!explore)./.test(location.hash)) return; // elsewhere on the page
    state = explore.parse(location.hash.startsWith("#explore?") ? location.hash : "", begin);
    show();
  };
  addEventListener("hashchange", follow);
  form.hidden = false;
  part("wait").hidden = true;
  follow();
};
