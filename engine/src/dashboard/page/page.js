"use strict";
// Shows what the run tells. Whatever comes from records and functions is put into the page as text, never as markup.

const $ = (id) => document.getElementById(id);
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const colours = css("--bars").split(" ");
const colour = (place) => colours[place % colours.length];

// Short numbers and times, as people read them.
function short(n) {
  for (const [limit, unit] of [[1e9, " G"], [1e6, " M"], [1e3, " k"]]) {
    if (n >= limit) return (n / limit).toFixed(n < 100 * limit ? (n < 10 * limit ? 2 : 1) : 0) + unit;
  }
  return n >= 100 || Number.isInteger(n) ? n.toFixed(0) : n.toFixed(1);
}
function span(nanos) {
  if (nanos === null || nanos === undefined) return "–";
  for (const [limit, unit] of [[6e10, " min"], [1e9, " s"], [1e6, " ms"], [1e3, " µs"]]) {
    if (nanos >= limit) return (nanos / limit).toFixed(nanos < 10 * limit ? 1 : 0) + unit;
  }
  return nanos.toFixed(0) + " ns";
}
function size(bytes) {
  for (const [limit, unit] of [[2 ** 30, " GiB"], [2 ** 20, " MiB"], [2 ** 10, " KiB"]]) {
    if (bytes >= limit) return (bytes / limit).toFixed(bytes < 10 * limit ? 1 : 0) + unit;
  }
  return bytes + " B";
}
function clock(ms) {
  const s = Math.floor(ms / 1000), two = (n) => String(n).padStart(2, "0");
  return (s >= 3600 ? Math.floor(s / 3600) + ":" : "") + two(Math.floor(s / 60) % 60) + ":" + two(s % 60);
}
function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
function make(tag, text, kind) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (kind) element.className = kind;
  return element;
}
function svg(tag, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

// The statuses of the last seconds, to tell rates from.
const past = [];
const BACK = 2000;
// The rates so far: time in seconds, in, out.
const rates = [[], [], []];
const MOST = 300;
let ended = false;

function before(now) {
  return past.find((status) => now.run.now - status.run.now <= BACK) || past[0];
}
function rate(now, then, value) {
  const ms = now.run.now - then.run.now;
  return ms > 0 ? Math.max(0, value(now) - value(then)) * 1000 / ms : 0;
}

function header(now, then) {
  const { run } = now;
  put($("state"), run.state);
  $("state").className = "pill " + run.state;
  put($("time"), clock(run.now));
  const speed = rate(now, then, (status) => status.run.emitted);
  put($("rate"), short(ended ? run.emitted * 1000 / Math.max(1, run.now) : speed));
  put($("out"), short(run.delivered));
  put($("faults-count"), short(run.faults));
  $("faulty").classList.toggle("some", run.faults > 0);
  $("progress").hidden = !run.input;
  if (run.input) {
    const part = Math.min(1, run.input.read / run.input.all);
    $("bar").style.width = (100 * part).toFixed(1) + "%";
    const bytes = rate(now, then, (status) => (status.run.input || { read: 0 }).read);
    const left = bytes > 0 ? (run.input.all - run.input.read) / bytes * 1000 : 0;
    put($("left"), (100 * part).toFixed(0) + " %" + (left > 1000 && !ended ? ", " + clock(left) + " left" : ""));
  }
  put($("pause"), run.state === "paused" ? "Resume" : "Pause");
  for (const id of ["pause", "drain", "stop"]) $(id).disabled = ended || (id !== "stop" && run.state === "draining");
  document.title = ended ? run.state + " · engine" : short(speed) + "/s · engine";
}

// How busy each node is itself, and how long others wait for room in it: parts of the last seconds.
function shares(now, then) {
  const nanos = Math.max(1, (now.run.now - then.run.now) * 1e6);
  return now.nodes.map((node, place) => {
    const passed = Math.max(0, node.nanos - ((then.nodes[place] || {}).nanos || 0));
    const onPool = node.function !== null;
    const part = Math.min(1, passed / nanos / (onPool ? Math.max(1, now.pool.workers) : 1));
    const waits = node.hands_over && !onPool;
    return { busy: waits ? 0 : part, waited: waits ? part : 0 };
  });
}

function verdict(now, then, parts) {
  const { run, faults } = now;
  const element = $("verdict");
  const say = (kind, text) => { put(element, text); element.className = kind; };
  if (run.state === "failed") return say("bad", "The run has failed: " + run.error);
  const kinds = Object.entries(faults.kinds).map(([kind, count]) => short(count) + " " + kind).join(", ");
  const wrong = run.faults ? ` ${short(run.faults)} records became faults (${kinds}).` : "";
  if (run.state === "done") return say(wrong ? "bad" : "good", `Done: ${short(run.emitted)} records in, ${short(run.delivered)} out.${wrong}`);
  if (run.state === "paused") return say("slow", "Paused: the sources are held." + wrong);
  let slowest = -1;
  parts.forEach((part, place) => { if (slowest < 0 || part.busy > parts[slowest].busy) slowest = place; });
  const speed = rate(now, then, (status) => status.run.emitted);
  const busy = slowest >= 0 ? parts[slowest].busy : 0;
  const percent = (part) => (100 * part).toFixed(0) + " %";
  const waiting = now.nodes.filter((_, place) => parts[place].waited > 0.2).map((node) => node.name);
  const draining = run.state === "draining" ? "Draining. " : "";
  if (busy > 0.5) {
    const others = waiting.length ? `; what comes to ${waiting.join(" and ")} waits` : "";
    return say(wrong ? "bad" : "slow", `${draining}${now.nodes[slowest].name} sets the pace: it is busy ${percent(busy)} of the time${others}.${wrong}`);
  }
  if (speed === 0 && run.unfinished === 0) return say(wrong ? "bad" : "good", `${draining}Waiting for input.${wrong}`);
  say(wrong ? "bad" : "good", `${draining}Nothing holds the run up: it is as fast as its input.${wrong}`);
}

const WIDTH = 152, HEIGHT = 66;
let drawn = [];
let shape = "";

// Draws the graph anew when nodes or edges have changed; else only its figures change.
function graph(now, then, parts) {
  const same = JSON.stringify([now.nodes.map((node) => [node.name, node.kind, node.at]), now.edges]);
  if (same !== shape) {
    shape = same;
    const picture = $("graph");
    picture.replaceChildren();
    const right = Math.max(...now.nodes.map((node) => node.at[0])) + WIDTH / 2 + 12;
    const bottom = Math.max(...now.nodes.map((node) => node.at[1])) + HEIGHT / 2 + 12;
    picture.style.width = right + "px";
    picture.setAttribute("viewBox", `0 0 ${right} ${bottom}`);
    drawn = { edges: [], nodes: [] };
    for (const { from, to } of now.edges) {
      const [x1, y1] = now.nodes[from].at, [x2, y2] = now.nodes[to].at;
      const a = x1 + WIDTH / 2, b = x2 - WIDTH / 2, bend = Math.max(16, (b - a) / 2);
      const line = svg("path", { class: "edge", d: `M${a} ${y1}C${a + bend} ${y1} ${b - bend} ${y2} ${b} ${y2}` });
      picture.append(line);
      drawn.edges.push(line);
    }
    for (const node of now.nodes) {
      const group = svg("g", { class: "node" });
      const x = node.at[0] - WIDTH / 2, y = node.at[1] - HEIGHT / 2;
      const box = svg("rect", { class: "box", x, y, width: WIDTH, height: HEIGHT, rx: 8 });
      const name = svg("text", { x: x + 10, y: y + 19 });
      name.textContent = node.name.length > 18 ? node.name.slice(0, 17) + "…" : node.name;
      const kind = svg("text", { class: "dim", x: x + WIDTH - 10, y: y + 19, "text-anchor": "end" });
      kind.textContent = node.kind === node.name ? "" : node.kind;
      const figures = svg("text", { class: "dim", x: x + 10, y: y + 37 });
      const track = svg("rect", { class: "track", x: x + 10, y: y + 43, width: WIDTH - 20, height: 5, rx: 2 });
      const bar = svg("rect", { class: "busy", x: x + 10, y: y + 43, width: 0, height: 5, rx: 2 });
      const under = svg("text", { class: "dim", x: x + 10, y: y + 61 });
      const title = svg("title", {});
      group.append(box, track, bar, name, kind, figures, under, title);
      picture.append(group);
      drawn.nodes.push({ group, bar, figures, under, title });
    }
  }
  let slowest = 0;
  parts.forEach((part, place) => { if (part.busy > parts[slowest].busy) slowest = place; });
  const failing = new Set(now.faults.latest.filter((fault) => now.run.now - fault.at < 5000).map((fault) => fault.function));
  now.nodes.forEach((node, place) => {
    const { group, bar, figures, under, title } = drawn.nodes[place];
    const { busy, waited } = parts[place];
    const speed = rate(now, then, (status) => (status.nodes[place] || { records: 0 }).records);
    put(figures, node.records ? `${short(speed)}/s · ${short(node.records)}` : "");
    const full = node.buffer ? node.buffer.filled / Math.max(1, node.buffer.limit) : null;
    const part = full === null ? busy : full;
    bar.setAttribute("width", Math.max(0, (WIDTH - 20) * Math.min(1, part)));
    bar.setAttribute("class", full === null ? "busy" : "full" + (full > 0.9 ? " over" : ""));
    const holds = node.buffer ? `${short(node.buffer.filled)} of ${short(node.buffer.limit)}` : "";
    const waits = waited > 0.1 ? `${holds ? ", " : ""}waits ${(100 * waited).toFixed(0)} %` : "";
    put(under, holds + waits || (busy >= 0.01 ? `busy ${(100 * busy).toFixed(0)} %` : ""));
    put(title, `${node.name} (${node.kind}): ${node.records} records`);
    const bad = failing.has(node.name) || failing.has((now.functions[node.function] || {}).name);
    group.setAttribute("class", "node" + (bad ? " bad" : place === slowest && busy > 0.5 && !ended ? " slow" : ""));
  });
  now.edges.forEach(({ to }, place) => {
    const speed = rate(now, then, (status) => (status.nodes[to] || { records: 0 }).records);
    drawn.edges[place].setAttribute("class", "edge" + (speed > 0 && !ended ? " flows" : ""));
  });
}

let chart = null;
function chartRates(now, then) {
  rates[0].push(now.run.now / 1000);
  rates[1].push(rate(now, then, (status) => status.run.emitted));
  rates[2].push(rate(now, then, (status) => status.run.delivered));
  if (rates[0].length > MOST) rates.forEach((list) => list.shift());
  const place = $("rates");
  if (!chart) {
    const axis = { stroke: css("--dim"), grid: { stroke: css("--line"), width: 1 }, ticks: { show: false } };
    chart = new uPlot({
      width: place.clientWidth, height: 170,
      cursor: { y: false },
      scales: { x: { time: false }, y: { range: (_, low, high) => [0, Math.max(1, high * 1.1)] } },
      axes: [{ ...axis, values: (_, list) => list.map((s) => clock(1000 * s)) }, { ...axis, size: 60, values: (_, list) => list.map(short) }],
      series: [
        { label: "at", value: (_, s) => clock(1000 * (s ?? rates[0][rates[0].length - 1] ?? 0)) },
        { label: "in", points: { show: false }, stroke: css("--blue"), width: 2, value: (_, n) => short(n ?? rates[1][rates[1].length - 1] ?? 0) + "/s" },
        { label: "out", points: { show: false }, stroke: css("--green"), width: 2, value: (_, n) => short(n ?? rates[2][rates[2].length - 1] ?? 0) + "/s" },
      ],
    }, rates, place);
  }
  chart.setData(rates);
}

// The calls of the last seconds, a row for each thread.
const ROW = 22, NAMES = 76, SECONDS = 5;
let hits = [];
function lanes(now, list) {
  const canvas = $("lanes"), scale = devicePixelRatio || 1;
  const width = canvas.clientWidth, height = Math.max(1, list.length) * ROW + 18;
  if (canvas.width !== width * scale || canvas.height !== height * scale) {
    canvas.width = width * scale;
    canvas.height = height * scale;
    canvas.style.height = height + "px";
  }
  const draw = canvas.getContext("2d");
  draw.setTransform(scale, 0, 0, scale, 0, 0);
  draw.clearRect(0, 0, width, height);
  draw.font = "12px system-ui, sans-serif";
  draw.textBaseline = "middle";
  const end = now.run.now * 1000, begin = end - SECONDS * 1e6;
  const at = (micros) => NAMES + (micros - begin) / (end - begin) * (width - NAMES);
  hits = [];
  list.forEach((lane, row) => {
    const y = row * ROW;
    draw.fillStyle = css("--dim");
    draw.fillText(lane.name, 0, y + ROW / 2);
    draw.fillStyle = css("--fill");
    draw.fillRect(NAMES, y + 3, width - NAMES, ROW - 6);
    for (const bar of lane.bars) {
      if (bar.to < begin) continue;
      const x = Math.max(NAMES, at(bar.from)), w = Math.max(1, at(bar.to) - x);
      draw.fillStyle = bar.failed ? css("--red") : colour(bar.function);
      draw.fillRect(x, y + 3, w, ROW - 6);
      hits.push({ x, y, w, bar });
    }
  });
  draw.fillStyle = css("--dim");
  for (let s = 0; s <= SECONDS; s++) {
    draw.textAlign = s === 0 ? "right" : "center";
    draw.fillText(s === 0 ? "now" : `−${s} s`, Math.max(NAMES + 12, at(end - s * 1e6)), height - 8);
  }
  draw.textAlign = "left";
  put($("window"), `calls of the last ${SECONDS} s`);
}
$("lanes").addEventListener("mousemove", (event) => {
  const { offsetX: x, offsetY: y } = event;
  const hit = hits.findLast((hit) => x >= hit.x - 1 && x <= hit.x + hit.w + 1 && y >= hit.y && y < hit.y + ROW);
  const last = past[past.length - 1];
  const name = hit && last && last.functions[hit.bar.function];
  put($("lane-tip"), name ? `${name.name}: ${short(hit.bar.records)} records in ${short(hit.bar.calls)} calls, ${span((hit.bar.to - hit.bar.from) * 1000)}${hit.bar.failed ? ", failed" : ""}` : "");
});

const tables = [];
function functions(now, then) {
  const body = document.querySelector("#functions tbody");
  now.functions.forEach((f, place) => {
    if (!tables[place]) {
      const row = body.insertRow();
      const cells = Array.from({ length: 11 }, () => row.insertCell());
      const swatch = make("span", "", "swatch");
      swatch.style.background = colour(place);
      cells[0].append(swatch, make("span", f.name));
      cells[0].title = f.plugin;
      cells[7].className = "histogram";
      const bars = new uPlot({
        width: 150, height: 30, cursor: { show: false }, legend: { show: false }, axes: [{ show: false }, { show: false }],
        scales: { x: { time: false }, y: { range: (_, low, high) => [0, Math.max(1, high)] } },
        series: [{}, { fill: colour(place), width: 0, paths: uPlot.paths.bars({ size: [1, 100] }), points: { show: false } }],
      }, [[], []], cells[7]);
      tables[place] = { cells, bars };
    }
    const { cells, bars } = tables[place];
    const old = then.functions[place] || { nanos: 0 };
    const busy = Math.max(0, f.nanos - old.nanos) / Math.max(1, (now.run.now - then.run.now) * 1e6) / Math.max(1, now.pool.workers);
    const texts = [null, short(f.calls), short(f.records), (100 * Math.min(1, busy)).toFixed(0) + " %", span(f.p50), span(f.p99), span(f.timeout), null, short(f.batch), `${size(f.memory)}, most ${size(f.memory_most)} of ${size(f.memory_limit)}`, short(f.retired)];
    texts.forEach((text, column) => { if (text !== null) put(cells[column], text); });
    cells[10].classList.toggle("bad", f.failed_calls > 0);
    cells[10].title = `${f.failed_calls} calls failed`;
    if (f.histogram.length) {
      // By powers of two: what is rare and far away is seen too.
      const low = Math.floor(Math.log2(Math.max(1, f.histogram[0][0]))), high = Math.ceil(Math.log2(f.histogram[f.histogram.length - 1][1]));
      const x = [], y = [];
      for (let power = low; power < Math.max(high, low + 6); power++) {
        const inside = f.histogram.filter(([from]) => from >= 2 ** power && from < 2 ** (power + 1));
        x.push(power);
        y.push(Math.sqrt(inside.reduce((sum, [, , count]) => sum + count, 0)));
      }
      bars.setData([x, y]);
      cells[7].title = f.histogram.map(([from, to, count]) => `${span(from)} to ${span(to)}: ${count}`).join("\n");
    }
  });
}

let lastFault = 0, lastLine = 0;
function lists(now) {
  const { faults, log } = now;
  put($("kinds"), Object.entries(faults.kinds).map(([kind, count]) => `${short(count)} ${kind}`).join(" · ") + (faults.put_aside.length ? ` · put aside in ${faults.put_aside.join(", ")}` : ""));
  const newest = faults.latest.length ? faults.latest[0].number : 0;
  if (newest !== lastFault || !$("faults").firstChild) {
    lastFault = newest;
    const items = faults.latest.map((fault) => {
      const item = make("li");
      item.append(make("b", `record ${fault.record}`), make("span", fault.kind, "kind"), make("span", `${fault.function}: ${fault.message}`));
      if (fault.excerpt) item.append(make("code", fault.excerpt));
      return item;
    });
    $("faults").replaceChildren(...(items.length ? items : [make("li", "none", "none")]));
  }
  const line = log.length ? log[log.length - 1].number : 0;
  if (line !== lastLine || !$("log").firstChild) {
    lastLine = line;
    const items = log.slice().reverse().map((line) => {
      const item = make("li");
      item.append(make("b", line.function + " "), make("span", line.line));
      return item;
    });
    $("log").replaceChildren(...(items.length ? items : [make("li", "functions have printed nothing", "none")]));
  }
}

function show({ status: now, lanes: list }) {
  ended = now.run.state === "done" || now.run.state === "failed";
  const then = past.length ? before(now) : now;
  const parts = shares(now, then);
  header(now, then);
  verdict(now, then, parts);
  graph(now, then, parts);
  if (past.length && !ended) chartRates(now, then);
  lanes(now, list);
  functions(now, then);
  lists(now);
  past.push(now);
  while (past.length > 40) past.shift();
}

const events = new EventSource("api/v1/events");
events.onmessage = (event) => show(JSON.parse(event.data));
events.onerror = () => {
  if (ended) return events.close();
  put($("state"), "gone");
  $("state").className = "pill lost";
  put($("verdict"), "The run is gone, or can't be reached. What is below was the last of it.");
  $("verdict").className = "bad";
};

async function act(what) {
  const answer = await fetch("api/v1/" + what, { method: "POST" });
  if (!answer.ok) put($("verdict"), `Could not ${what}: ${await answer.text()}`);
}
$("pause").onclick = () => act($("pause").textContent === "Resume" ? "resume" : "pause");
$("drain").onclick = () => act("drain");
$("stop").onclick = () => { if (confirm("End the run at once? What was taken in is not finished.")) act("stop"); };
addEventListener("resize", () => { if (chart) chart.setSize({ width: $("rates").clientWidth, height: 170 }); });
