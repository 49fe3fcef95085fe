"use strict";
// Short numbers and times, as people read them; and what puts them on the page: as text, never as markup.

const $ = (id) => document.getElementById(id);
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const colour = (place) => {
  const colours = css("--bars").split(" ");
  return colours[place % colours.length];
};

function short(n) {
  for (const [limit, unit] of [[1e9, " G"], [1e6, " M"], [1e3, " k"]]) {
    // What would be rounded to 1000 has the next unit.
    if (n >= 0.9995 * limit) return (n / limit).toFixed(n < 99.95 * limit ? (n < 9.995 * limit ? 2 : 1) : 0) + unit;
  }
  return n >= 99.95 || Number.isInteger(n) ? n.toFixed(0) : n.toFixed(1);
}
function span(nanos) {
  if (nanos === null || nanos === undefined) return "–";
  for (const [limit, from, unit] of [[6e10, 5.95e10, " min"], [1e9, 9.995e8, " s"], [1e6, 9.995e5, " ms"], [1e3, 9.995e2, " µs"]]) {
    if (nanos >= from) return (nanos / limit).toFixed(nanos < 9.95 * limit ? 1 : 0) + unit;
  }
  return nanos.toFixed(0) + " ns";
}
function size(bytes) {
  for (const [limit, unit] of [[2 ** 30, " GiB"], [2 ** 20, " MiB"], [2 ** 10, " KiB"]]) {
    if (bytes >= limit - limit / 2048) return (bytes / limit).toFixed(bytes < 9.95 * limit && bytes % limit ? 1 : 0) + unit;
  }
  return bytes + " B";
}
function clock(ms) {
  const s = Math.floor(ms / 1000), two = (n) => String(n).padStart(2, "0");
  return (s >= 3600 ? Math.floor(s / 3600) + ":" : "") + two(Math.floor(s / 60) % 60) + ":" + two(s % 60);
}
// The same, and in milliseconds what is shorter than a second.
const long = (ms) => (ms < 1000 ? `${ms} ms` : clock(ms));
const counted = (n, what = "record") => `${short(n)} ${what}${n === 1 ? "" : "s"}`;
// As a shell reads it.
const quoted = (name) => (/^[\w./-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`);
const percent = (part) => (100 * part).toFixed(0) + " %";
const cut = (text, most) => (text.length > most ? text.slice(0, most - 1) + "…" : text);

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
