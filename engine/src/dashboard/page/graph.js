// The graph: drawn anew when nodes or edges have changed; else only its figures change.

const WIDTH = 152, HEIGHT = 66;
let drawn = { edges: [], nodes: [], rows: [] };
let shape = "";

function draw({ nodes, edges }) {
  const picture = $("graph"), body = document.querySelector("#nodes tbody");
  picture.replaceChildren();
  body.replaceChildren();
  const right = Math.max(...nodes.map((node) => node.at[0])) + WIDTH / 2 + 12;
  const bottom = Math.max(...nodes.map((node) => node.at[1])) + HEIGHT / 2 + 12;
  const left = Math.min(...nodes.map((node) => node.at[0])) - WIDTH / 2 - 12;
  picture.style.width = right - left + "px";
  // What is wider is to be moved, not to be read with a glass.
  picture.style.minWidth = 0.75 * (right - left) + "px";
  picture.setAttribute("viewBox", `${left} 0 ${right - left} ${bottom}`);
  drawn = { edges: [], nodes: [], rows: [] };
  for (const { from, to } of edges) {
    const [x1, y1] = nodes[from].at, [x2, y2] = nodes[to].at;
    const a = x1 + WIDTH / 2, b = x2 - WIDTH / 2, bend = Math.max(16, (b - a) / 2);
    const line = svg("path", { class: "edge", d: `M${a} ${y1}C${a + bend} ${y1} ${b - bend} ${y2} ${b} ${y2}` });
    const speed = svg("text", { class: "speed", x: (a + b) / 2, y: (y1 + y2) / 2 - 7, "text-anchor": "middle" });
    picture.append(line, speed);
    drawn.edges.push({ line, speed });
  }
  for (const node of nodes) {
    const group = svg("g", { class: "node" });
    const x = node.at[0] - WIDTH / 2, y = node.at[1] - HEIGHT / 2;
    const ring = svg("rect", { class: "ring", x: x - 4, y: y - 4, width: WIDTH + 8, height: HEIGHT + 8, rx: 11 });
    const box = svg("rect", { class: "box", x, y, width: WIDTH, height: HEIGHT, rx: 8 });
    const other = node.kind === node.name ? "" : node.kind;
    const name = svg("text", { x: x + 10, y: y + 19 });
    name.textContent = cut(node.name, other ? 12 : 18);
    const kind = svg("text", { class: "dim", x: x + WIDTH - 10, y: y + 19, "text-anchor": "end" });
    kind.textContent = cut(other, 10);
    const figures = svg("text", { class: "dim", x: x + 10, y: y + 37 });
    const track = svg("rect", { class: "track", x: x + 10, y: y + 43, width: WIDTH - 20, height: 5, rx: 2 });
    const bar = svg("rect", { class: "busy", x: x + 10, y: y + 43, width: 0, height: 5, rx: 2 });
    const under = svg("text", { class: "dim", x: x + 10, y: y + 61 });
    const title = svg("title", {});
    group.append(ring, box, track, bar, name, kind, figures, under, title);
    // It leads to the node's faults once there are any.
    const link = svg("a", {});
    link.append(group);
    picture.append(link);
    drawn.nodes.push({ group, link, bar, figures, under, title });
    const row = body.insertRow();
    drawn.rows.push(Array.from({ length: 8 }, () => row.insertCell()));
    put(drawn.rows.at(-1)[0], node.name);
    put(drawn.rows.at(-1)[1], node.kind);
  }
}

function graph({ status: now, rates, diagnosis }) {
  const same = JSON.stringify([now.nodes.map((node) => [node.name, node.kind, node.at]), now.edges.map(({ from, to }) => [from, to])]);
  if (same !== shape && now.nodes.length) {
    shape = same;
    draw(now);
  }
  const failing = new Set(now.faults.latest.filter((fault) => now.run.now - fault.at < 5000).map((fault) => fault.node || fault.function));
  // A fault names the node only where that has a name of its own.
  const faultyAt = (node) => now.faults.nodes.findIndex((at) => (at.node || at.function) === node.name || (!at.node && at.function === (now.functions[node.function] || {}).name));
  now.nodes.forEach((node, place) => {
    const { group, link, bar, figures, under, title } = drawn.nodes[place];
    const { records, busy, waited } = rates.nodes[place];
    put(figures, node.records ? counted(node.records) : "");
    const full = node.buffer ? node.buffer.filled / Math.max(1, node.buffer.limit) : null;
    const part = full === null ? busy : full;
    bar.setAttribute("width", Math.max(0, (WIDTH - 20) * Math.min(1, part)));
    bar.setAttribute("class", full === null ? "busy" : "full" + (full > 0.9 ? " over" : ""));
    const holds = node.buffer ? `${short(node.buffer.filled)} of ${short(node.buffer.limit)}` : "";
    const waits = waited > 0.1 ? `${holds ? ", " : ""}waits ${percent(waited)}` : "";
    put(under, holds + waits || (busy >= 0.01 ? `busy ${percent(busy)}` : ""));
    const at = faultyAt(node), faults = at < 0 ? "" : counted(now.faults.nodes[at].faults, "fault");
    if (faults) link.setAttribute("href", "#faults-" + at);
    put(title, `${node.name} (${node.kind}): ${node.records} records${faults && ", " + faults}`);
    const bad = failing.has(node.name) || failing.has((now.functions[node.function] || {}).name);
    group.setAttribute("class", "node" + (bad ? " bad" : "") + (place === diagnosis.node ? " slow" : ""));
    const told = [null, null, short(node.records), short(records) + "/s", percent(busy), waited ? percent(waited) : "–", holds || "–", null];
    told.forEach((text, column) => { if (text !== null) put(drawn.rows[place][column], text); });
    const cell = drawn.rows[place][7];
    if (!faults) put(cell, "–");
    else if (cell.textContent !== faults) {
      const more = make("a", faults);
      more.href = "#faults-" + at;
      cell.replaceChildren(more);
    }
  });
  now.edges.forEach((_, place) => {
    const { line, speed } = drawn.edges[place];
    const records = rates.edges[place];
    line.setAttribute("class", "edge" + (records > 0 && !isEnd(now) ? " flows" : ""));
    put(speed, records > 0 ? short(records) + "/s" : "");
  });
}
