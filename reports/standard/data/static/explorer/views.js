// The explorer's views: of what is chosen each makes rows, their columns, a sentence, a line of pandas, and a plot.
"use strict";
infomax.explore.views = (() => {
  const { casesOf, summary, pair, why, better, sorted, spearman, selected, number } = infomax.explore;
  const MOST = 6; // lines in colour
  const MANY = 16; // cases that are shown one by one

  function short(value) {
    if (!number(value)) return "–";
    const size = Math.abs(value);
    if (size >= 1000) return Math.round(value).toLocaleString("en").replace("-", "−");
    return (size > 0 && size < 1e-3 ? value.toExponential(2) : String(Number(value.toPrecision(4)))).replace("-", "−");
  }
  // A column of a table: as many decimals as its largest value needs for four digits.
  function fixed(values) {
    const known = values.filter(number), most = Math.max(...known.map(Math.abs), 0);
    if (known.every(Number.isInteger) || most >= 1000 || most < 1e-4) return short;
    const decimals = Math.max(0, 3 - Math.floor(Math.log10(most)));
    return (value) => (number(value) ? value.toFixed(decimals).replace("-", "−") : "–");
  }
  const range = (row, low = "low", high = "high") => (number(row[low]) && number(row[high]) ? ` (${short(row[low])} to ${short(row[high])})` : "");
  const caseName = (one) => (one.dataset === one.target ? one.dataset : `${one.dataset} → ${one.target}`);
  const names = (cases) => [...new Set(cases.map((one) => one.dataset))].sort();
  const clipped = (text, most = 26) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
  const nameOf = (metric, x) => [metric.name.replaceAll("_", " "), metric.protocol, x == null ? "" : `at ${x}`].filter(Boolean).join(", ");
  const axis = (metric, x) => `${clipped(nameOf(metric, x), 44)}${metric.unit ? ` (${metric.unit})` : ""}`;
  const TEXT = { numeric: false }, NUMBER = { numeric: true };

  function card(method) {
    const known = Object.hasOwn(infomax.methods, method) ? infomax.methods[method] : { family: "", role: "", supervised: false };
    const marks = infomax.series.marks.find(([name]) => name === method)?.[1] ?? "";
    return { method, marks, family: known.family, role: known.role, supervised: known.supervised };
  }

  // The methods in colour: those that were picked, or the subject, those that have a colour on the page, and the best.
  function coloured(rows, metric, picked, key = "mean") {
    const { subject, tones } = infomax.series, order = better(metric), known = rows.filter((row) => number(row[key]));
    const best = known.sort((a, b) => order(a[key], b[key])).map((row) => row.method), shown = new Set(rows.map((row) => row.method));
    const wanted = picked.length ? picked : [subject, ...tones.map(([method]) => method), ...best].filter((method) => best.includes(method));
    const chosen = [...new Set(wanted)].filter((method) => shown.has(method)).slice(0, MOST), own = new Map(tones);
    const free = [1, 2, 3, 4, 5, 6].filter((tone) => !chosen.some((method) => own.get(method) === tone));
    return new Map(chosen.map((method) => [method, method === subject ? "var(--subject)" : `var(--c${own.get(method) ?? free.shift()})`]));
  }

  // -- plots ---------------------------------------------------------------------------------------------------------
  // Marks of rows know whose they are; those that tell something can be pointed at and focused.
  function marked(rows, told) {
    return (index, scales, values, dimensions, context, next) => {
      const drawn = next(index, scales, values, dimensions, context);
      for (const mark of drawn?.children ?? []) {
        const row = rows[[mark.__data__].flat()[0]];
        if (!row) continue;
        mark.dataset.method = row.method;
        mark.classList.add("told");
        if (told) { mark.classList.add("live"); mark.setAttribute("role", "img"); mark.setAttribute("aria-label", told(row)); }
      }
      return drawn;
    };
  }

  function plotted(width, options) {
    return Plot.plot({ width, className: "plot-explored", marginTop: 24, marginRight: 20, marginBottom: 44, style: { background: "transparent", fontSize: "12px" }, ...options });
  }

  // Values that span much are shown by their logarithm.
  function scaled(values, label) {
    const known = values.filter(number), least = Math.min(...known);
    const log = known.length > 0 && least > 0 && Math.max(...known) > 50 * least;
    return { label: log ? `${label}, logarithmic` : label, type: log ? "log" : "linear", ...(log ? { tickFormat: short, ticks: 5 } : {}), grid: true, labelArrow: "none", labelAnchor: "center" };
  }

  const inGroups = (rows, colours) => [["var(--grey)", rows.filter((row) => !colours.has(row.method))],
    ...[...colours].map(([method, colour]) => [colour, rows.filter((row) => row.method === method)])];
  const finite = (rows, ...keys) => rows.filter((row) => keys.every((key) => number(row[key])));

  function dots(view, width, rows) {
    const known = finite(rows, "mean");
    const single = known.flatMap((row) => view.single.map((name) => ({ ...row, case: name, at: row[`mean on ${name}`] })).filter((one) => number(one.at)));
    const told = (row) => `${row.method}: ${short(row.mean)}${range(row)}`;
    return plotted(width, {
      height: 18 * known.length + 68, marginLeft: Math.min(200, 0.4 * width),
      x: scaled([...known.map((row) => row.mean), ...single.map((row) => row.at)], axis(view.metric, view.x)),
      y: { domain: known.map((row) => row.method), type: "point", label: null, tickSize: 0, tickFormat: (name) => clipped(name, width < 500 ? 18 : 28) },
      marks: [
        Plot.dot(single, { x: "at", y: "method", r: 2, fill: "var(--grey)", render: marked(single, (row) => `${row.method}, ${row.case}: ${short(row.at)}`) }),
        ...inGroups(known, view.colours).flatMap(([colour, own]) => [
          Plot.ruleY(finite(own, "low", "high"), { x1: "low", x2: "high", y: "method", stroke: colour, strokeWidth: 2 }),
          Plot.dot(own, { x: "mean", y: "method", r: 4, fill: colour, render: marked(own, told) }),
        ]),
      ],
    });
  }

  function cloud(view, width, rows) {
    const known = finite(rows, "x", "y"), narrow = width < 500, order = known.filter((row) => view.colours.has(row.method));
    const told = (row) => `${row.method}: ${short(row.x)}${range(row, "x low", "x high")}, ${short(row.y)}${range(row, "y low", "y high")}`;
    const drawn = plotted(width, {
      height: narrow ? 380 : 480, marginLeft: 56, marginRight: narrow ? 24 : 170,
      x: scaled(known.map((row) => row.x), axis(view.against, view.againstX)), y: { ...scaled(known.map((row) => row.y), axis(view.metric, view.x)), labelAnchor: "top" },
      marks: inGroups(known, view.colours).flatMap(([colour, own], i) => [
        Plot.ruleY(finite(own, "x low", "x high"), { x1: "x low", x2: "x high", y: "y", stroke: colour, strokeOpacity: 0.6 }),
        Plot.ruleX(finite(own, "y low", "y high"), { y1: "y low", y2: "y high", x: "x", stroke: colour, strokeOpacity: 0.6 }),
        Plot.dot(own, { x: "x", y: "y", r: i ? 5.5 : 4, fill: colour, render: marked(own, told) }),
      ]),
    });
    return narrow ? drawn : named(drawn, order, view.colours, "x", "y");
  }

  function curves(view, width, rows) {
    const known = finite(rows, "mean"), narrow = width < 500, levels = [...new Set(known.map((row) => row.at))];
    const doubling = view.over === "width";
    const told = (row) => `${row.method}: ${known.filter((one) => one.method === row.method).map((one) => `${short(one.mean)} at ${one.at}`).join(", ")}`;
    const drawn = plotted(width, {
      height: narrow ? 360 : 440, marginLeft: 56, marginRight: narrow ? 20 : 190,
      x: { label: view.label, type: doubling ? "log" : "linear", base: 2, ...(doubling ? { ticks: levels, tickFormat: String } : {}), labelArrow: "none", labelAnchor: "center" },
      y: { ...scaled(known.map((row) => row.mean), axis(view.metric, view.over === "width" ? view.x : null)), labelAnchor: "top" },
      marks: inGroups(known, view.colours).flatMap(([colour, own], i) => [
        i ? Plot.areaY(finite(own, "low", "high"), { x: "at", y1: "low", y2: "high", z: "method", fill: colour, fillOpacity: 0.12 }) : null,
        Plot.lineY(own, { x: "at", y: "mean", z: "method", stroke: colour, strokeWidth: i ? 2.2 : 1, render: marked(own) }),
        Plot.lineY(own, { x: "at", y: "mean", z: "method", stroke: "transparent", strokeWidth: 9, render: marked(own, told) }),
        i ? Plot.dot(own, { x: "at", y: "mean", r: 2.5, fill: colour }) : null,
      ]),
    });
    const last = [...view.colours.keys()].map((method) => known.filter((row) => row.method === method).at(-1)).filter(Boolean);
    return narrow ? drawn : named(drawn, last, view.colours, "at", "mean");
  }

  // Names in colour to the right of rows, moved apart where they would overlap.
  function named(drawn, rows, colours, across, up) {
    const [x, y] = ["x", "y"].map((one) => drawn.scale(one)), placed = [];
    for (const row of [...rows].sort((a, b) => y.apply(a[up]) - y.apply(b[up]))) {
      const text = clipped(row.method), left = x.apply(row[across]) + 9;
      const near = placed.filter((one) => left < one.right && one.left < left + 7 * text.length).map((one) => one.top + 14);
      const top = Math.max(y.apply(row[up]), ...near);
      placed.push({ left, top, right: left + 7 * text.length });
      d3.select(drawn).append("text").attr("x", left).attr("y", top).attr("dy", "0.32em").attr("text-anchor", "start").attr("fill", colours.get(row.method))
        .attr("stroke", "var(--paper)").attr("stroke-width", 4).attr("paint-order", "stroke").text(text);
    }
    return drawn;
  }

  function differences(view, width) {
    const of = (row) => (row.whole ? "var(--subject)" : "var(--c1)"), { rows } = view;
    const single = rows.flatMap((row) => row.values.map((value, seed) => ({ ...row, value, seed })).filter((one) => number(one.value)));
    return plotted(width, {
      height: 34 * rows.length + 72, marginLeft: Math.min(200, 0.38 * width),
      x: { label: `${clipped(view.a, 30)} less ${clipped(view.b, 30)}`, grid: true, labelArrow: "none", labelAnchor: "center" },
      y: { domain: rows.map((row) => row.case), type: "point", padding: 0.6, label: null, tickSize: 0, tickFormat: (name) => clipped(name) },
      marks: [
        Plot.ruleX([0], { stroke: "var(--ink)" }),
        Plot.dot(single, { x: "value", y: "case", r: 2.5, dy: 8, fill: "var(--grey)", render: marked(single, (row) => `${row.case}, seed ${view.seeds[row.seed]}: ${short(row.value)}`) }),
        ...[finite(rows, "low", "high")].map((own) => Plot.ruleY(own, { x1: "low", x2: "high", y: "case", stroke: of, strokeWidth: 2.5 })),
        Plot.dot(rows, { x: "mean", y: "case", r: 5, fill: of, render: marked(rows, (row) => `${row.case}: ${short(row.mean)}${range(row)}`) }),
      ],
    });
  }

  // -- views ---------------------------------------------------------------------------------------------------------
  const ABOUT = [{ key: "method", ...TEXT }, { key: "marks", ...TEXT }, { key: "family", ...TEXT }, { key: "role", ...TEXT }];
  const INTERVAL = [{ key: "mean", ...NUMBER }, { key: "low", ...NUMBER }, { key: "high", ...NUMBER }, { key: "seeds", ...NUMBER }];
  const MISSING = { key: "missing", ...TEXT };
  const told = ({ mean, low, high, n }) => ({ mean, low, high, seeds: n });
  const kind = (cases) => (cases.some((one) => one.dataset !== one.target) ? "pairs of data sets" : "data sets");
  // Cases one by one, or where they are many by the data set that encoders were trained on.
  function parts(cases) {
    if (cases.length <= MANY) return cases.map((one) => [caseName(one), [one]]);
    return names(cases).map((dataset) => [`${dataset} → others`, cases.filter((one) => one.dataset === dataset)]);
  }
  const on = (cases) => (cases.length > 1 ? `over ${cases.length} ${kind(cases)}` : `on ${cases.map(caseName).join("") || "no data set"}`);
  const SEEDS = `.pivot_table(index=["method", "seed"], columns=["dataset", "target"], values="value").dropna().mean(axis=1)`;

  // One metric, every method.
  function rank({ metric, where, methods, picked, filtered }) {
    const cases = casesOf(metric, where), several = cases.length > 1, single = several ? parts(cases) : [];
    const rows = methods.map((method) => {
      const found = told(summary(cases, method));
      const means = single.map(([name, own]) => [`mean on ${name}`, summary(own, method).mean]);
      return { ...card(method), ...found, missing: number(found.mean) ? "" : why(metric, where, cases, method), ...Object.fromEntries(means) };
    });
    const ranked = sorted(rows, "mean", metric.better !== "lower").filter((row) => number(row.mean));
    for (const row of rows) row.rank = ranked.includes(row) ? 1 + ranked.indexOf(row) : null;
    const view = { metric, x: where.x, single: single.map(([name]) => name), rows, colours: coloured(rows, metric, picked) };
    return {
      ...view,
      columns: [...ABOUT, { key: "rank", ...NUMBER, exact: true }, ...INTERVAL, ...single.map(([name]) => ({ key: `mean on ${name}`, label: name, ...NUMBER })), MISSING],
      sort: "mean", down: metric.better !== "lower",
      words: `Mean and 95 % interval over seeds, ${on(cases)}.${several ? " Small dots are single ones." : ""}`,
      pandas: `${selected(metric, where, names(cases), filtered && methods)}${SEEDS}.groupby("method").agg(["mean", "sem", "count"])`,
      draw: (width, shown) => dots(view, width, shown),
    };
  }

  // Two metrics against each other, on the cases that both have.
  function scatter({ metric, where, against, againstX, methods, picked, filtered }) {
    const other = { ...where, x: againstX }, [up, across] = [casesOf(metric, where), casesOf(against, other)];
    const common = new Set(up.map((one) => one.key).filter((key) => across.some((one) => one.key === key)));
    const [ys, xs] = [up, across].map((cases) => cases.filter((one) => common.has(one.key)));
    const rows = methods.map((method) => {
      const [x, y] = [summary(xs, method), summary(ys, method)];
      const missing = !number(x.mean) ? why(against, other, xs, method) : !number(y.mean) ? why(metric, where, ys, method) : "";
      return { ...card(method), x: x.mean, "x low": x.low, "x high": x.high, y: y.mean, "y low": y.low, "y high": y.high, missing };
    });
    const known = finite(rows, "x", "y"), rho = spearman(known.map((row) => row.x), known.map((row) => row.y));
    const view = { metric, x: where.x, against, againstX, colours: coloured(rows, metric, picked, "y") };
    const lines = [[against, other, xs], [metric, where, ys]].map(([one, place, cases]) => `${selected(one, place, names(cases), filtered && methods)}${SEEDS}.groupby("method").mean()`);
    return {
      ...view, rows, legend: true,
      columns: [...ABOUT, ...["x", "x low", "x high", "y", "y low", "y high"].map((key) => ({ key, ...NUMBER })), MISSING],
      sort: "y", down: metric.better !== "lower",
      words: `Across (x): ${nameOf(against, againstX)}. Up (y): ${nameOf(metric, where.x)}, ${on(ys)}.` +
        (rho === null ? "" : ` Rank correlation over methods: ${rho.toFixed(2).replace("-", "−")}, a description and no test.`),
      pandas: `pd.concat({"x": ${lines[0]}, "y": ${lines[1]}}, axis=1)`,
      draw: (width, shown) => cloud(view, width, shown),
    };
  }

  // One metric over widths, or over what it sweeps itself, on the cases that are there throughout.
  function lines({ metric, where, over, methods, picked, filtered }) {
    const widths = [...new Set(metric.cases.map((one) => one[2]))].filter(Boolean).sort((a, b) => a - b);
    const levels = (over === "width" ? widths : metric.xs).map((at) => [at, casesOf(metric, { ...where, [over]: at })]).filter(([, cases]) => cases.length);
    const throughout = levels.length ? levels.map(([, cases]) => cases).reduce((a, b) => a.filter((one) => b.some((two) => two.key === one.key))) : [];
    const keys = new Set(throughout.map((one) => one.key));
    const rows = methods.flatMap((method) => levels.map(([at, cases]) => {
      const own = cases.filter((one) => keys.has(one.key)), found = told(summary(own, method));
      return { ...card(method), at, ...found, missing: number(found.mean) ? "" : why(metric, { ...where, [over]: at }, own, method) };
    }));
    const middle = rows.filter((row) => row.at === (over === "width" ? where.width : levels[levels.length >> 1]?.[0]));
    const view = { metric, x: where.x, over, label: over === "width" ? "width (units)" : metric.x || "x", colours: coloured(middle, metric, picked) };
    rows.sort((a, b) => view.colours.has(b.method) - view.colours.has(a.method));
    return {
      ...view, rows, legend: true,
      columns: [...ABOUT, { key: "at", ...NUMBER, exact: true }, ...INTERVAL, MISSING],
      sort: "", down: false,
      words: `Mean and 95 % interval over seeds, ${on(throughout)}, by ${over === "width" ? "width" : view.label}.`,
      pandas: `${selected(metric, { ...where, [over]: undefined }, names(throughout), filtered && methods)}` +
        `${SEEDS.replace(`["method", "seed"]`, `["method", "${over}", "seed"]`)}.groupby(["method", "${over}"]).agg(["mean", "sem", "count"])`,
      draw: (width, shown) => curves(view, width, shown),
    };
  }

  // Two methods, seed by seed.
  function two({ metric, where, a, b }) {
    const all = pair(casesOf(metric, where), a, b), cases = all?.cases ?? [];
    const single = parts(cases).map(([name, own]) => ({ case: name, ...pair(own, a, b) }));
    const rows = (single.length > 1 ? [...single, { case: `all ${cases.length} ${kind(cases)}`, whole: true, ...all }] : single).map((row) => ({ ...row, seeds: row.n, marks: [a, b].map((one) => card(one).marks).join(" ") }));
    const [one, other] = [a, b].map((method) => [method, card(method).marks].filter(Boolean).join(" "));
    const view = { a, b, rows, seeds: infomax.series.seeds };
    const sure = all && metric.better !== "neither" && number(all.low) && all.low * all.high > 0;
    return {
      metric, rows, colours: new Map(), label: "case",
      columns: [{ key: "case", ...TEXT }, { key: "a", label: clipped(a, 24), ...NUMBER }, { key: "b", label: clipped(b, 24), ...NUMBER }, { key: "mean", label: "difference", ...NUMBER }, ...INTERVAL.slice(1)],
      sort: "", down: false,
      words: !all ? `Nothing here was measured of both ${one} and ${other}.`
        : `${one} less ${other}, paired by seed: ${short(all.mean)}${range(all)}, 95 % interval over ${all.n} seeds, ${on(cases)}.` +
          (sure ? ` ${(all.mean > 0) === (metric.better === "higher") ? a : b} is the better one by this interval.` : ""),
      pandas: `${selected(metric, where, names(cases), [a, b])}.pivot_table(index="seed", columns=["method", "dataset", "target"], values="value")` +
        `.pipe(lambda t: t[${JSON.stringify(a)}] - t[${JSON.stringify(b)}]).dropna(axis=1, how="all").dropna().mean(axis=1).agg(["mean", "sem", "count"])`,
      draw: (width) => differences(view, width),
    };
  }

  return { rank, scatter, lines, pair: two, fixed, nameOf, card, clipped, caseName, MOST };
})();
