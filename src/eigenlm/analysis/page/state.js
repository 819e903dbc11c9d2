// The page's state lives in the address: #matrix=NAME&rank=R&sort=-KEY&filter=TEXT&measure=KEY&group=NAME, and what sections add.
// Setting it redraws what changed.
"use strict";

const byId = (id) => document.getElementById(id);
const data = JSON.parse(byId("data").textContent);
const matrices = new Map(data.matrices.map((matrix) => [matrix.name, matrix]));
const columns = new Map(data.columns.map((column) => [column.key, column]));
const full = (matrix) => Math.min(matrix.rows, matrix.columns);
const percent = (share) => (share > 0 && share < 1e-3 ? (100 * share).toPrecision(2) : (100 * share).toFixed(1)) + "%";

let curves = null; // by matrix, once they are unpacked

// What scripts add to the page: to listen when it starts, to redraw when its state changes, and to draw once charts can be.
const whenStarted = [];
const whenChanged = [];
const whenLoaded = [];

function short(value) {
  if (!Number.isFinite(value)) return value > 0 ? "∞" : value < 0 ? "-∞" : "–";
  if (Number.isInteger(value) && Math.abs(value) < 1e7) return value.toLocaleString("en");
  if (Math.abs(value) >= 1e7 || Math.abs(value) < 1e-3) return value.toExponential(1);
  return Number(value.toPrecision(3)).toLocaleString("en", { maximumSignificantDigits: 3 });
}

function element(tag, properties = {}, children = []) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

async function unpacked(id) {
  const letters = atob(byId(id).textContent);
  const packed = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) packed[i] = letters.charCodeAt(i); // many times faster than Uint8Array.from
  return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
}

function readState() {
  const given = new URLSearchParams(location.hash.slice(1));
  const oneOf = (key, known, fallback) => (known.includes(given.get(key)) ? given.get(key) : fallback);
  return {
    ...Object.fromEntries(given),
    matrix: matrices.has(given.get("matrix")) ? given.get("matrix") : data.start,
    rank: Number.parseInt(given.get("rank"), 10) || null,
    sort: given.get("sort") ?? "",
    filter: given.get("filter") ?? "",
    measure: oneOf("measure", measures, measures[0]),
    group: oneOf("group", groups, groups[0]),
  };
}

function setState(change) {
  const given = new URLSearchParams(location.hash.slice(1));
  if (change.matrix && change.matrix !== readState().matrix) given.delete("rank");
  for (const [key, value] of Object.entries(change)) value ? given.set(key, value) : given.delete(key);
  history.replaceState(null, "", "#" + given);
  draw();
}

// A row of buttons of which one is pressed.
function choices(id, options, choose) {
  byId(id).replaceChildren(...options.map(([value, text]) => element("button", { type: "button", value, textContent: text, onclick: () => choose(value) })));
}

function press(id, value) {
  for (const button of byId(id).children) button.setAttribute("aria-pressed", String(button.value === value));
}
