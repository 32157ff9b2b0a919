// Draws <figure class="mark" data-mark="NAME"> when it comes into view, from the marks in data/ and by Observable Plot.
// One form for each of the package's plot forms. Names are text, whoever wrote them.
"use strict";
{
  const SIZE = 11; // of letters
  const TALLEST = 1250, SHORT = 420, PAPER = 680; // pixels: how tall a figure is at most, and how wide a page is in print
  const pen = document.createElement("canvas").getContext("2d");
  const wide = (text) => { pen.font = `${SIZE}px ${getComputedStyle(document.body).fontFamily}`; return pen.measureText(text).width * 1.04; };
  const make = (tag, options = {}, ...children) => {
    const one = Object.assign(document.createElement(tag), options);
    one.append(...children);
    return one;
  };
  const colour = (tone) => (tone === 0 ? "var(--subject)" : tone > 0 ? `var(--c${tone})` : "var(--grey)");
  const letters = (tone) => (tone < 0 ? "var(--quiet)" : colour(tone));
  const order = (tone) => (tone === 0 ? 2 : tone > 0 ? 1 : 0); // the subject is drawn last, on top
  const finite = Number.isFinite;
  const cut = (text, room) => {
    if (wide(text) <= room) return text;
    let n = text.length;
    while (n > 1 && wide(`${text.slice(0, n)}…`) > room) n -= 1;
    return `${text.slice(0, n)}…`;
  };
  const minus = (text) => text.replace("-", "−");
  function short(value) {
    if (!finite(value)) return "–";
    const size = Math.abs(value);
    if (size >= 1e4) return minus(d3.format(".3~s")(value));
    if (size >= 10) return minus(value.toFixed(size >= 100 ? 0 : 1));
    return minus(size >= 0.1 ? value.toFixed(2) : String(Number(value.toPrecision(2))));
  }
  const tick = (value) => minus(Math.abs(value) >= 1e4 ? d3.format("~s")(value) : String(Number(value.toPrecision(6))));
  const spanned = (row, of = "mean", half = "half") => short(row[of]) + (row[half] > 0 ? ` ± ${short(row[half])}` : "");

  // -- What all forms share ----------------------------------------------------------------------------------------
  function opened(told) {
    const columns = Object.entries(told.rows);
    const rows = told.rows.line.map((_, i) => Object.fromEntries(columns.map(([name, values]) => [name, values[i]])));
    rows.forEach((row) => { row.tone = told.tones[row.line]; });
    const names = new Map(told.names), calls = told.lines.map((line) => names.get(line) ?? line);
    return { ...told, all: rows, calls, notes: new Map(told.notes), of: (panel) => rows.filter((row) => row.panel === panel) };
  }
  // The lines that say most, with their places among all: the subject with its neighbours, those with a colour, the first
  // and the last; then as many others as fit, evenly.
  function fewer(told, most) {
    const n = told.lines.length, strong = told.tones.indexOf(0);
    const first = [strong, ...d3.range(n).filter((line) => told.tones[line] > 0), 0, n - 1, strong - 1, strong + 1, 1, n - 2, 2];
    const kept = new Set(first.filter((line) => line >= 0 && line < n).slice(0, most));
    for (let parts = 2; kept.size < most; parts *= 2) for (let i = 1; i < parts && kept.size < most; i += 2) kept.add(Math.round((i * (n - 1)) / parts));
    const lines = d3.sort(kept), places = new Map(lines.map((line, i) => [line, i]));
    const all = told.all.filter((row) => places.has(row.line)).map((row) => ({ ...row, line: places.get(row.line) }));
    const [names, tones] = [told.lines, told.tones].map((values) => lines.map((line) => values[line]));
    const calls = lines.map((line) => `${line + 1}. ${told.calls[line]}`);
    return { ...told, all, lines: names, tones, calls, of: (panel) => all.filter((row) => row.panel === panel) };
  }
  // Room for means, and for intervals as long as they do not dwarf them; as the package's figures have it.
  function limits(rows, mean = "mean", half = "half") {
    const means = rows.map((row) => row[mean]).filter(finite);
    const [least, most] = d3.extent(means);
    const reach = 0.5 * (most - least) || 0.05 * Math.abs(most) || 1;
    const ends = (sign) => rows.filter((row) => finite(row[half])).map((row) => row[mean] + sign * row[half]);
    const low = Math.min(least, Math.max(d3.min(ends(-1)) ?? least, least - reach));
    const high = Math.max(most, Math.min(d3.max(ends(1)) ?? most, most + reach));
    const pad = 0.05 * (high - low) || 0.05 * Math.abs(high) || 1;
    const positive = Math.min(least, d3.min(ends(-1)) ?? least) >= 0;
    return [positive ? Math.max(low - pad, -0.4 * pad) : low - pad, high + pad];
  }
  // As many columns as fit, and as even as they can be; `first` is room for names left of each line of panels.
  function grid(width, count, least, first = 0) {
    const fit = Math.max(1, Math.floor((width - first) / least));
    const columns = Math.ceil(count / Math.ceil(count / fit));
    return { columns, inner: Math.floor((width - first) / columns) };
  }
  const faint = { stroke: "var(--line)", strokeOpacity: 1 };
  const axisX = (more) => Plot.axisX({ anchor: "bottom", tickSize: 0, tickFormat: tick, color: "var(--quiet)", label: null, fontSize: SIZE, ...more });
  const axisY = (more) => Plot.axisY({ anchor: "left", tickSize: 0, tickFormat: tick, color: "var(--quiet)", label: null, fontSize: SIZE, ...more });
  // A plot whose elements know their lines. marks: lists of [kind of mark, rows, options], or marks without lines.
  function plot(options, marks) {
    const ours = (one) => typeof one[0] === "function"; // others are Plot's, and may be lists too
    const tagged = marks.filter(Boolean).map((one, i) => (ours(one) ? one[0](one[1], { ...one[2], className: `rows-${i}` }) : one));
    const svg = Plot.plot({ color: { type: "identity" }, r: { type: "identity" }, style: { background: "none", fontSize: `${SIZE}px` }, ...options, marks: tagged });
    svg.setAttribute("aria-hidden", "true");
    marks.filter(Boolean).forEach((one, i) => {
      if (!ours(one)) return;
      for (const element of svg.querySelectorAll(`.rows-${i} :is(circle, line, path, rect, text), .rows-${i}:is(circle, line, path)`)) {
        const at = [element.__data__].flat()[0];
        if (at !== undefined) belongs(element, one[1][at]);
      }
    });
    return svg;
  }
  function belongs(element, row) {
    element.dataset.line = row.line;
    if (row.tone <= 0) element.classList.add(row.tone ? "grey" : "subject");
  }
  const span = (ends) => ({ x1: (row) => row.mean - row.half, x2: (row) => row.mean + row.half, y: "line", ...ends });
  const known = (rows) => rows.filter((row) => finite(row.half));
  const drawn = (rows) => d3.sort(rows, (row) => order(row.tone));

  // Names one above the other, and in each panel what `marks(rows)` draws beside them.
  function lined(told, width, { least, step, marks, domain, log = false, beside = null }) {
    const room = Math.min(Math.max(...told.calls.map(wide)) + 14, 0.45 * width);
    const { columns, inner } = grid(width, told.panels.length, least, room);
    const lines = told.calls.map((call, line) => ({ line, tone: told.tones[line], call: cut(call, room - 10) }));
    const names = (rows, weight) => [Plot.text, rows, { y: "line", text: "call", frameAnchor: "left", dx: -8, textAnchor: "end", fill: (row) => letters(row.tone), fontWeight: weight }];
    const top = 4, side = beside ? 38 : 10;
    const panels = told.panels.map((title, i) => {
      const own = told.of(i), first = i % columns === 0, ends = domain(own);
      const ticks = log ? ofLog(ends, inner - 10 - side) : Math.max(2, Math.floor(inner / 75));
      const svg = plot({
        width: inner + (first ? room : 0), height: top + step * lines.length + 22,
        marginLeft: 10 + (first ? room - 10 : 0), marginRight: side, marginTop: top, marginBottom: 22,
        x: { domain: ends, type: log ? "log" : "linear", axis: null }, y: { domain: d3.range(lines.length), type: "band", padding: 0, axis: null },
      }, [
        Plot.gridX({ ticks, ...faint }), axisX({ ticks }),
        Plot.ruleY(lines.filter((row) => row.tone === 0), { y: "line", stroke: "var(--subject)", strokeOpacity: 0.1, strokeWidth: step }),
        told.bound && Plot.ruleX([told.bound[0]], { stroke: "var(--ink)", strokeDasharray: "4,2.5" }),
        ...marks(own),
        first && names(lines.filter((row) => row.tone !== 0), "normal"),
        first && names(lines.filter((row) => row.tone === 0), "bold"),
        beside && [Plot.text, own.filter(beside.of), { y: "line", text: beside.text, frameAnchor: "right", dx: side, textAnchor: "end", fill: (row) => letters(row.tone) }],
      ]);
      const at = (x, y) => { const line = Math.floor((y - top) / step); return own.some((row) => row.line === line) ? line : -1; };
      return { title, svg, at, left: first ? room : 10 };
    });
    const dashed = told.bound?.[1] ? `dashed: ${told.bound[1]}` : "";
    return { panels, columns, first: room, inner, about: [told.xlabel, dashed], key: [] };
  }

  // -- The forms -----------------------------------------------------------------------------------------------------
  const bar = (rows) => [Plot.ruleY, drawn(known(rows)), span({ stroke: (row) => colour(row.tone), strokeWidth: 1.6, clip: true })];
  const point = (rows) => [Plot.dot, drawn(rows), { x: "mean", y: "line", fill: (row) => colour(row.tone), r: (row) => [2.8, 3.4, 4.2][order(row.tone)], sort: null }];
  function dots(told, width) {
    const domain = (own) => {
      const positive = own.map((row) => row.mean);
      let [low, high] = told.log ? [d3.min(positive) / 1.6, d3.max(positive) * 1.6] : limits(own);
      const at = told.bound?.[0], room = 0.06 * (high - low);
      return at === undefined ? [low, high] : [Math.min(low, at - room), Math.max(high, at + room)];
    };
    const step = told.lines.length > 12 ? 15 : 19;
    return lined(told, width, { least: 118, step, domain, log: told.log, marks: (own) => [bar(own), point(own)] });
  }
  function estimates(told, width) {
    const shared = limits([...told.all, { mean: 0 }]);
    const beside = { of: () => true, text: (row) => (row.mean > 0 ? "+" : "") + minus(row.mean.toFixed(2)) };
    return lined(told, width, { least: 150, step: 20, domain: () => shared, beside, marks: (own) => [bar(own), point(own)] });
  }
  function stacked(told, width) {
    const shades = told.parts.map((part, i) => (part === told.rest ? "var(--line)" : i < 6 ? `var(--c${i + 1})` : "var(--grey)"));
    const bars = (own) => [[Plot.barX, d3.sort(own.filter((row) => row.mean > 0), (row) => row.part), { x: "mean", y: "line", z: "part", fill: (row) => shades[row.part], insetTop: 2, insetBottom: 2 }]];
    const beside = { of: (row) => row.part === 0, text: (row) => short(row.mean) };
    const tones = told.tones.map((tone) => Math.min(tone, 0)); // colours are the parts'
    const plain = { ...told, tones, of: (panel) => told.of(panel).map((row) => ({ ...row, tone: tones[row.line] })) };
    const made = lined(plain, width, { least: 150, step: 17, domain: () => [0, told.whole], beside, marks: bars });
    return { ...made, key: told.parts.map((part, i) => [part, shades[i]]) };
  }

  const lines = (rows, options) => [Plot.line, rows, { x: "x", y: "mean", z: "line", ...options }];
  // Lines over x; `place` puts x on the axis.
  function along(told, width, { least, tall, x, place }) {
    const { columns, inner } = grid(width, told.panels.length, least);
    const strong = told.lines.map((_, line) => line).filter((line) => told.tones[line] >= 0);
    const room = Math.max(0, ...strong.map((line) => wide(told.calls[line]))) + 22;
    const labelled = inner - room > 270;
    const left = 6 + Math.max(...told.panels.map((_, i) => d3.max(limits(told.of(i)).flatMap((end) => [wide(tick(Number(end.toPrecision(2)))), 18]))));
    const panels = told.panels.map((title, i) => {
      const own = d3.sort(told.of(i), (row) => row.line, (row) => row.x).map((row) => ({ ...row, x: place(row.x), real: row.x }));
      const grey = own.filter((row) => row.tone < 0), others = own.filter((row) => row.tone > 0), subject = own.filter((row) => row.tone === 0);
      const solid = (rows) => rows.filter((row) => !row.level), level = (rows) => rows.filter((row) => row.level);
      const shown = told.form === "sweep" ? own : subject;
      const svg = plot({
        width: inner, height: tall, marginLeft: left + 4, marginRight: labelled ? room : 14, marginTop: 8, marginBottom: 22,
        x: { ...x(own, inner - left - (labelled ? room : 14)), axis: null }, y: { domain: limits(own), axis: null },
      }, [
        Plot.gridY({ ticks: 4, ...faint }), axisY({ ticks: 4 }),
        axisX(x(own, inner - left - (labelled ? room : 14)).axis),
        [Plot.areaY, known(shown), { x: "x", y1: (row) => row.mean - row.half, y2: (row) => row.mean + row.half, z: "line", fill: (row) => colour(row.tone), fillOpacity: 0.16, clip: true }],
        lines(solid(grey), { stroke: "var(--grey)", strokeWidth: 1, strokeOpacity: 0.55 }),
        lines(level(grey), { stroke: "var(--grey)", strokeWidth: 1, strokeOpacity: 0.55, strokeDasharray: "2,3" }),
        lines(solid(others), { stroke: (row) => colour(row.tone), strokeWidth: 1.6 }),
        lines(level(others), { stroke: (row) => colour(row.tone), strokeWidth: 1.6, strokeDasharray: "2,3" }),
        lines(solid(subject), { stroke: colour(0), strokeWidth: 2.6 }),
        lines(level(subject), { stroke: colour(0), strokeWidth: 2.6, strokeDasharray: "2,3" }),
        [Plot.dot, solid([...others, ...subject]), { x: "x", y: "mean", r: (row) => (row.tone ? 2.2 : 3), fill: (row) => colour(row.tone), sort: null }],
      ]);
      const [across, up] = [svg.scale("x").apply, svg.scale("y").apply];
      const paths = d3.group(own.map((row) => ({ line: row.line, at: [across(row.x), up(row.mean)] })), (one) => one.line);
      if (labelled) ends(svg, told, strong.filter((line) => paths.has(line)).map((line) => [line, paths.get(line).at(-1).at]), [8, tall - 22]);
      return { title, svg, at: (px, py) => nearest(paths, px, py), where: (px) => d3.least(own, (row) => Math.abs(across(row.x) - px))?.real, left: left + 4 };
    });
    const others = told.tones.filter((tone) => tone < 0).length;
    const key = labelled ? [] : strong.map((line) => [told.calls[line], colour(told.tones[line]), told.tones[line] === 0]);
    if (others) key.push([`${others} others: point at one, or use the arrow keys`, "var(--grey)"]);
    return { panels, columns, first: 0, inner, about: [told.ylabel ? `${told.ylabel}, against ${told.xlabel}` : `against ${told.xlabel}`], key };
  }
  function curves(told, width) {
    const x = (own, room) => {
      const all = [...new Set(told.all.filter((row) => !row.level).map((row) => row.x))].sort(d3.ascending);
      const here = [...new Set(own.map((row) => row.x))].sort(d3.ascending);
      const range = here.length > 1 ? [here[0], here.at(-1)] : [here[0], here[0] * 1.1 + 0.1];
      if (told.log) return { type: "log", base: 2, domain: range, axis: { ticks: apart(here, (v) => (room * Math.log(v / range[0])) / Math.log(range[1] / range[0])) } };
      const whole = all.length < 9 && all.every(Number.isInteger);
      return { type: "linear", domain: range, axis: { ticks: whole ? apart(here, (v) => (room * (v - range[0])) / (range[1] - range[0])) : Math.max(2, Math.floor(room / 70)) } };
    };
    return along(told, width, { least: Math.min(told.short ? 165 : 300, width), tall: told.short ? 180 : 210, x, place: (value) => value });
  }
  function sweep(told, width) {
    const steps = [...new Set(told.all.map((row) => row.x))].sort(d3.ascending);
    const x = (own, room) => ({ type: "linear", domain: [-0.3, steps.length - 0.7], axis: { ticks: apart(d3.range(steps.length), (i) => (room * (i + 0.3)) / (steps.length - 0.4), (i) => tick(steps[i])), tickFormat: (i) => tick(steps[i]) } });
    return along(told, width, { least: Math.min(told.short ? 165 : 250, width), tall: 180, x, place: (value) => steps.indexOf(value) });
  }
  // Powers of ten, or where there are few of them 1, 2 and 5 times these, as far as there is room.
  function ofLog([low, high], room) {
    const powers = d3.range(Math.floor(Math.log10(low)), Math.ceil(Math.log10(high)) + 1).map((n) => 10 ** n);
    const inside = (values) => values.filter((value) => value >= low && value <= high);
    const ticks = inside(powers).length > 2 ? powers : powers.flatMap((power) => [power, 2 * power, 5 * power]);
    return apart(inside(ticks), (value) => (room * Math.log(value / low)) / Math.log(high / low));
  }
  // The ticks whose labels leave each other room, the last always among them.
  function apart(values, at, say = tick) {
    const kept = [];
    for (const value of [...values].reverse()) {
      if (!kept.length || at(kept.at(-1)) - at(value) > (wide(say(value)) + wide(say(kept.at(-1)))) / 2 + 8) kept.push(value);
    }
    return kept.reverse();
  }
  function nearest(paths, x, y) {
    let found = -1, least = 24;
    for (const [line, places] of paths) {
      const after = places.findIndex((one) => one.at[0] >= x), [b, a] = [places[Math.max(after, 0)].at, places[Math.max(after - 1, 0)].at];
      const end = after < 0 ? places.at(-1).at : b;
      const up = after > 0 && b[0] > a[0] ? a[1] + ((b[1] - a[1]) * (x - a[0])) / (b[0] - a[0]) : end[1];
      if (Math.abs(up - y) < least) [found, least] = [line, Math.abs(up - y)];
    }
    return found;
  }
  // Names beside the ends of lines, moved apart, with a thin line to where they belong.
  function ends(svg, told, places, [top, bottom]) {
    const gap = SIZE + 2, sorted = d3.sort(places, ([, at]) => at[1]).map(([line, at]) => ({ line, at, y: at[1] }));
    for (let turn = 0; turn < 40; turn += 1) {
      sorted.forEach((one, i) => {
        const before = sorted[i - 1];
        if (before && one.y - before.y < gap) { const more = (gap - one.y + before.y) / 2; one.y += more; before.y -= more; }
      });
      sorted.forEach((one) => { one.y = Math.max(top, Math.min(bottom, one.y)); });
    }
    for (const { line, at, y } of sorted) {
      const tone = told.tones[line], layer = d3.select(svg);
      if (Math.abs(y - at[1]) > 2) layer.append("line").attr("x1", at[0] + 4).attr("y1", at[1]).attr("x2", at[0] + 12).attr("y2", y).attr("stroke", colour(tone)).attr("stroke-width", 0.7);
      const text = layer.append("text").attr("x", at[0] + 14).attr("y", y).attr("dy", "0.32em").attr("text-anchor", "start").attr("fill", letters(tone)).attr("font-weight", tone ? "normal" : "bold").text(told.calls[line]);
      belongs(text.node(), { line, tone });
    }
  }

  function scatter(told, width) {
    const { columns, inner } = grid(width, told.panels.length, Math.min(told.short ? 220 : 300, width));
    const tall = Math.round(Math.min(told.short ? 240 : 340, 0.72 * inner));
    const left = 8 + d3.max(told.all, (row) => wide(tick(Number(row.mean.toPrecision(2)))));
    const panels = told.panels.map((title, i) => {
      const own = drawn(told.of(i)), steps = (told.trail?.panel ?? []).flatMap((panel, j) => (panel === i ? [{ x: told.trail.x[j], mean: told.trail.y[j], step: told.trail.step[j] }] : []));
      const ends = steps.filter((_, j) => j === 0 || j === steps.length - 1);
      const svg = plot({
        width: inner, height: tall, marginLeft: left + 4, marginRight: 14, marginTop: 10, marginBottom: 24,
        x: { domain: limits([...own, ...steps], "x", "x_half"), axis: null }, y: { domain: limits([...own, ...steps]), axis: null },
      }, [
        Plot.gridY({ ticks: 5, ...faint }), Plot.gridX({ ticks: 5, ...faint }), axisX({ ticks: 5 }), axisY({ ticks: 5 }),
        [Plot.ruleY, own.filter((row) => finite(row.x_half)), { x1: (row) => row.x - row.x_half, x2: (row) => row.x + row.x_half, y: "mean", stroke: (row) => colour(row.tone), strokeOpacity: 0.7, clip: true }],
        [Plot.ruleX, known(own), { y1: (row) => row.mean - row.half, y2: (row) => row.mean + row.half, x: "x", stroke: (row) => colour(row.tone), strokeOpacity: 0.7, clip: true }],
        Plot.line(steps, { x: "x", y: "mean", stroke: "var(--subject)", strokeOpacity: 0.6, marker: "dot" }),
        Plot.text(ends, { x: "x", y: "mean", text: (row) => tick(row.step), dx: 6, dy: -8, fill: "var(--subject)" }),
        [Plot.dot, own, { x: "x", y: "mean", r: (row) => [3, 3.6, 5][order(row.tone)], fill: (row) => colour(row.tone), sort: null }],
      ]);
      const [across, up] = [svg.scale("x").apply, svg.scale("y").apply];
      const places = own.map((row) => ({ ...row, px: across(row.x), py: up(row.mean) }));
      const taken = ends.map((row) => [across(row.x) + 6, up(row.mean) - 8, wide(tick(row.step)) / 2]).map(([x, y, half]) => [x - half, y - 7, x + half, y + 7]);
      beside(svg, told, places, taken, [left, 4, inner - 4, tall - 24]);
      const at = (x, y) => { const near = d3.least(places, (one) => Math.hypot(one.px - x, one.py - y)); return near && Math.hypot(near.px - x, near.py - y) < 26 ? near.line : -1; };
      return { title, note: told.notes.get(title), svg, at, left: left + 4 };
    });
    const others = told.tones.filter((tone) => tone < 0).length;
    const key = others ? [[`${others} others: point at one, or use the arrow keys`, "var(--grey)"]] : [];
    return { panels, columns, first: 0, inner, about: [`${told.ylabel}, against ${told.xlabel}`], key };
  }
  // Names beside points, the subject's first: the free place that is nearest, or none.
  function beside(svg, told, places, before, [left, top, right, bottom]) {
    const taken = places.map((one) => [one.px - 4, one.py - 4, one.px + 4, one.py + 4]).concat(before);
    const over = (a, b) => a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
    for (const one of d3.sort(places.filter((row) => row.tone >= 0), (row) => row.tone)) {
      const text = told.calls[one.line], w = wide(text), layer = d3.select(svg);
      search: for (const radius of [8, 14, 22, 32, 44]) {
        for (const degrees of [0, 180, 35, -35, 145, -145, 90, -90, 65, -65, 115, -115]) {
          const turn = (degrees * Math.PI) / 180, x = one.px + Math.cos(turn) * (radius + w / 2), y = one.py + Math.sin(turn) * radius;
          const box = [x - w / 2, y - 6, x + w / 2, y + 6];
          if (box[0] < left || box[1] < top || box[2] > right || box[3] > bottom || taken.some((other) => over(box, other))) continue;
          taken.push(box);
          const tip = [Math.max(box[0], Math.min(box[2], one.px)), Math.max(box[1], Math.min(box[3], one.py))];
          if (radius > 8) layer.append("line").attr("x1", one.px).attr("y1", one.py).attr("x2", tip[0]).attr("y2", tip[1]).attr("stroke", colour(one.tone)).attr("stroke-width", 0.7);
          const name = layer.append("text").attr("x", x).attr("y", y).attr("dy", "0.32em").attr("text-anchor", "middle").attr("fill", letters(one.tone)).attr("font-weight", one.tone ? "normal" : "bold").text(text);
          belongs(name.node(), one);
          break search;
        }
      }
    }
  }

  // Numbers in cells that are shaded: a table, which can be read as it is.
  function cells(told, kind, shade) {
    const strong = told.tones.indexOf(0), numbered = kind === "pairs";
    const head = make("tr", {}, make("td"), ...told.panels.map((panel, i) => make("th", { scope: "col", title: numbered ? panel : "" }, numbered ? String(i + 1) : panel)));
    const body = told.lines.map((_, line) => {
      const own = told.all.filter((row) => row.line === line);
      const name = make("th", { scope: "row", className: line === strong ? "subject" : "" }, numbered ? `${told.calls[line]} ${line + 1}` : told.calls[line]);
      const numbers = d3.sort(own, (row) => row.panel).map((row) => {
        const cell = make("td", { className: line === strong || (numbered && row.panel === strong) ? "subject" : "" }, numbered ? (finite(row.mean) ? row.mean.toFixed(0) : "") : short(row.mean));
        const [tint, part] = shade(row);
        if (tint) { cell.style.setProperty("--shade", tint); cell.style.setProperty("--part", `${part}%`); }
        return cell;
      });
      const made = make("tr", {}, name, ...numbers);
      made.dataset.line = line;
      return made;
    });
    const table = make("table", { className: `cells ${kind}` }, make("thead", {}, head), make("tbody", {}, ...body));
    return { table: scrolling(table, told.xlabel), about: [told.xlabel], key: [], panels: [] };
  }
  const matrix = (told) => cells(told, "matrix", (row) => (finite(row.away) ? [row.away > 0 ? "var(--c1)" : "var(--subject)", Math.round(38 * Math.abs(row.away))] : []));
  const pairs = (told) => cells(told, "pairs", (row) => (finite(row.mean) ? ["var(--c1)", Math.round(0.42 * Math.max(0, row.mean))] : []));
  // Small curves in cells, drawn as they are.
  function sparks(told) {
    const [w, h] = [86, 22], line = d3.line().defined(([, y]) => y !== null).x(([x]) => x).y(([, y]) => h - 2 - (y * (h - 4)) / 99);
    const head = make("tr", {}, make("td"), ...told.panels.map((panel) => make("th", { scope: "col" }, panel)));
    const body = told.lines.map((_, i) => {
      const tone = told.tones[i], by = new Map(told.all.filter((row) => row.line === i).map((row) => [row.panel, row]));
      const curves = told.panels.map((_, panel) => {
        const row = by.get(panel), cell = make("td");
        if (!row) return cell;
        const svg = d3.select(cell).append("svg").attr("width", w).attr("height", h).attr("viewBox", `0 0 ${w} ${h}`).attr("aria-hidden", "true");
        for (const seed of row.curves) svg.append("path").attr("d", line(seed.map((y, x) => [(x * w) / Math.max(seed.length - 1, 1), y]))).attr("fill", "none").attr("stroke", tone < 0 ? "var(--quiet)" : colour(tone)).attr("stroke-width", 1.1).attr("stroke-opacity", 0.8);
        if (row.marked) cell.append(make("span", {}, "↘"));
        return cell;
      });
      return make("tr", {}, make("th", { scope: "row", className: tone ? "" : "subject" }, told.calls[i]), ...curves);
    });
    const table = make("table", { className: "sparks" }, make("thead", {}, head), make("tbody", {}, ...body));
    return { table: scrolling(table, told.xlabel), about: [told.xlabel], key: [], panels: [] };
  }
  // What a plug-in has drawn itself; its caption says what it shows.
  function picture(told) {
    const image = make("img", { src: told.src, alt: "", className: "drawn" });
    image.style.width = `${Math.round(107 * told.inches)}px`;
    return { table: image, about: [], key: [], panels: [] };
  }
  function scrolling(table, label) {
    const box = make("div", { className: "scrolled", tabIndex: 0 }, table);
    box.setAttribute("role", "group"); // no landmark: there are many
    box.setAttribute("aria-label", label || "numbers");
    return box;
  }
  const LISTS = new Set(["dots", "stacked", "matrix"]); // from best to worst
  const FORMS = { dots, estimates, stacked, curves, sweep, scatter, matrix, pairs, sparks, picture };

  // -- On the page -----------------------------------------------------------------------------------------------------
  // What is said of a line: in each panel its numbers, at the x that is nearest to the pointer, or the last.
  function said(told, line, where) {
    const list = make("dl");
    told.panels.forEach((title, i) => {
      const own = told.of(i).filter((row) => row.line === line);
      if (!own.length) return;
      const at = (row) => (where === undefined ? row.x ?? 0 : -Math.abs(row.x - where));
      const rows = told.rows.part ? own : [d3.greatest(own, told.rows.x_half ? () => 0 : at)];
      for (const row of rows) {
        const more = told.rows.part ? told.parts[row.part] : told.form === "curves" || told.form === "sweep" ? (row.level ? "" : `at ${tick(row.x)}`) : "";
        list.append(make("dt", {}, [title, more].filter(Boolean).join(", ")), make("dd", {}, told.rows.x_half || told.form === "scatter" ? `${short(row.x)}; ${spanned(row)}` : spanned(row)));
      }
    });
    const family = infomax.methods[told.lines[line]]?.family;
    return [make("p", {}, told.calls[line] + (family ? ` (${family})` : "")), list];
  }
  function show(figure, whole, width = Math.floor(figure.querySelector(".drawing").clientWidth)) {
    const box = figure.querySelector(".drawing"), most = Number(figure.dataset.rows ?? Infinity);
    const some = LISTS.has(whole.form) && whole.lines.length > most + 2;
    const told = { ...(some && !box.all ? fewer(whole, most) : whole), short: finite(most) };
    const { panels, columns, first = 0, inner, about, key, table } = FORMS[told.form](told, width);
    const note = figure.querySelector(".told");
    note.replaceChildren();
    const parts = [make("p", { className: "axis" }, about.filter(Boolean).join("; "))];
    if (key.length) parts.push(make("ul", { className: "key" }, ...key.map(([name, tint, strong]) => { const i = make("i"); i.style.background = tint; return make("li", { className: strong ? "subject" : "" }, i, name); })));
    if (some) parts.push(toggle(box, told.lines.length, whole.lines.length, () => show(figure, whole)));
    if (table) parts.push(table);
    if (panels.length) {
      const all = make("div", { className: "panels" });
      all.style.gridTemplateColumns = [first + inner, ...Array(columns - 1).fill(inner)].map((n) => `${n}px`).join(" ");
      for (const { title, note: more, svg, left } of panels) {
        const head = make("p", {}, title, more ? make("small", {}, `  ${more}`) : "");
        head.style.paddingLeft = `${left}px`;
        all.append(make("div", { className: "panel" }, head, svg));
      }
      parts.push(...onePage(box, [...all.children], panels, columns, told.short && !box.all ? SHORT : TALLEST), all);
    }
    box.replaceChildren(...parts);
    box.drawn = width;
    const choose = (line, x = 8, y = box.offsetTop + box.offsetHeight + 4, where) => {
      box.chosen = line;
      box.classList.toggle("choosing", line >= 0);
      for (const one of box.querySelectorAll("[data-line]")) one.classList.toggle("chosen", Number(one.dataset.line) === line);
      note.replaceChildren(...(line < 0 || table ? [] : said(told, line, where)));
      note.style.left = `${Math.max(0, Math.min(x, figure.clientWidth - note.offsetWidth))}px`;
      note.style.top = `${y}px`;
    };
    for (const { svg, at, where } of panels) {
      const follow = (event) => {
        const [px, py] = d3.pointer(event, svg), [x, y] = d3.pointer(event, figure);
        choose(at(px, py), x + 16, y + 14, where?.(px));
      };
      svg.addEventListener("pointermove", follow);
      svg.addEventListener("pointerdown", follow); // a finger moves nothing
      svg.addEventListener("pointerleave", () => choose(-1));
    }
    box.onkeydown = (event) => {
      const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
      if (event.target !== box || (!step && event.key !== "Escape")) return;
      event.preventDefault();
      choose(step ? ((box.chosen ?? -1) + step + told.lines.length + (box.chosen < 0 && step < 0 ? 1 : 0)) % told.lines.length : -1);
    };
    box.onblur = () => choose(-1);
  }
  function toggle(box, shown, count, again) {
    const button = make("button", { type: "button" }, box.all ? "Fewer" : `All ${count}`);
    button.addEventListener("click", () => { box.all = !box.all; again(); box.querySelector("button").focus(); });
    return make("p", { className: "axis" }, box.all ? "" : `${shown} of ${count}, with their ranks. `, button);
  }
  // Where lines of panels would be longer than a screen or two, one line is shown, and a menu of all.
  function onePage(box, shown, panels, columns, tallest) {
    const count = Math.ceil(panels.length / columns), line = (i) => Math.floor(i / columns);
    if (count < 2 || count * (Number(panels[0].svg.getAttribute("height")) + 24) < tallest) return [];
    const options = d3.range(count).map((i) => make("option", { value: i }, panels.filter((_, j) => line(j) === i).map((one) => one.title).join(", ")));
    const menu = make("select", {}, ...options);
    menu.setAttribute("aria-label", "Which part of the figure is shown");
    menu.value = Math.min(box.line ?? 0, count - 1);
    const turn = () => { box.line = Number(menu.value); shown.forEach((one, i) => { one.hidden = line(i) !== box.line; }); };
    menu.addEventListener("change", turn);
    turn();
    return [menu];
  }
  // The numbers as a table: for who sees no figure, and for who wants to know exactly.
  function numbers(told) {
    const third = told.rows.part ? "part" : told.rows.x && told.form !== "scatter" ? "x" : null;
    const head = ["", ...(third ? [third === "x" ? told.xlabel || "x" : "part"] : []), ...told.panels];
    const keys = d3.groups(told.all, (row) => row.line, (row) => (third ? row[third] : 0));
    const lines = keys.flatMap(([line, own]) => own.map(([at, rows]) => {
      const by = new Map(rows.map((row) => [row.panel, row]));
      const text = (row) => (!row ? "" : told.form === "scatter" ? `${spanned(row, "x", "x_half")}; ${spanned(row)}` : spanned(row));
      return make("tr", {}, make("th", { scope: "row" }, told.calls[line]), ...(third ? [make("td", {}, third === "x" ? tick(at) : told.parts[at])] : []), ...told.panels.map((_, i) => make("td", {}, text(by.get(i)))));
    }));
    const table = make("table", {}, make("thead", {}, make("tr", {}, ...head.map((name) => (name ? make("th", { scope: "col" }, name) : make("td"))))), make("tbody", {}, ...lines));
    return scrolling(table, "The numbers");
  }
  function prepared(figure) {
    const note = make("div", { className: "told" });
    note.setAttribute("aria-live", "polite");
    figure.prepend(make("div", { className: "drawing" }), note);
  }
  const shown = new Map();
  async function fetched(name) {
    await infomax.load("data/marks.js");
    if (!infomax.marks[name]) await infomax.load("data/marks-more.js");
    await infomax.plot();
  }
  function begin(figure) {
    const told = infomax.marks[figure.dataset.mark], box = figure.querySelector(".drawing");
    if (!told || !FORMS[told.form]) throw new Error("there are no data of it");
    const whole = opened(told), caption = figure.querySelector("figcaption")?.textContent ?? "";
    show(figure, whole);
    shown.set(figure, whole);
    if (box.querySelector(".panels")) {
      box.tabIndex = 0;
      box.setAttribute("role", "group");
      box.setAttribute("aria-label", `Figure: ${caption} Arrow keys name one line after the other; the numbers are in a table below.`);
      const fold = make("details", { className: "numbers" }, make("summary", {}, "The numbers"));
      fold.addEventListener("toggle", () => { if (fold.open && fold.children.length === 1) fold.append(numbers(whole)); });
      figure.append(fold);
      new ResizeObserver(() => { if (box.clientWidth && Math.floor(box.clientWidth) !== box.drawn) requestAnimationFrame(() => show(figure, whole)); }).observe(box);
    }
    figure.dataset.drawn = "yes";
  }
  const failed = (figure, error) => {
    figure.dataset.drawn = "no";
    figure.querySelector(".drawing").replaceChildren(make("p", { className: "problem" }, `This figure could not be drawn: ${error.message}.`));
  };
  const attempt = (figure) => {
    if (figure.dataset.drawn) return;
    try { begin(figure); } catch (error) { failed(figure, error); }
  };
  const figures = [...document.querySelectorAll("figure.mark[data-mark]")];
  const seen = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      seen.unobserve(target);
      fetched(target.dataset.mark).then(() => attempt(target), (error) => failed(target, error));
    }
  }, { rootMargin: "400px" });
  for (const figure of figures) { prepared(figure); seen.observe(figure); }
  // For print all are drawn that are not folded away; what is needed for that is fetched while nothing else is done.
  if (figures.length) addEventListener("load", () => (window.requestIdleCallback ?? setTimeout)(() => fetched(figures[0].dataset.mark).catch(() => {})));
  addEventListener("beforeprint", () => {
    const open = (one) => one.querySelector(".drawing").clientWidth;
    if (window.Plot && infomax.marks) figures.filter((one) => open(one) && infomax.marks[one.dataset.mark]).forEach(attempt);
    shown.forEach((told, figure) => { if (open(figure)) show(figure, told, PAPER); });
  });
  addEventListener("afterprint", () => shown.forEach((told, figure) => show(figure, told)));
}
