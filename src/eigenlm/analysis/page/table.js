// ---- the table: sort and filter by any column ----------------------------------------------------------------------

const groups = [...new Set(data.columns.map((column) => column.group).filter(Boolean))];
const rowOf = new Map(); // by matrix, the row as it stands
let shownColumns = "";

const plainWord = (text) => text.toLowerCase().normalize("NFKD").replace(/[^\p{L}\p{N}]+/gu, "_").replace(/^_|_$/g, "");

function numberIn(cell) {
  const value = Array.isArray(cell) ? cell[0] : cell;
  return value === "∞" ? Infinity : typeof value === "number" ? value : null;
}

// "alpha>6 blocks.3" is one comparison and one text; a column goes by its key, its label, or the start of either.
function readFilter(filter) {
  const words = filter.trim().replace(/\s*(>=|<=|!=|[<>=])\s*/g, "$1").split(/\s+/).filter(Boolean);
  const read = { tests: [], keys: [], faults: [] };
  for (const word of words) {
    const [, name, sign, told] = word.match(/^(.*?)(>=|<=|!=|[<>=])(.*)$/) ?? [];
    if (sign === undefined) {
      read.tests.push((matrix) => searched(matrix).includes(word.toLowerCase()));
      continue;
    }
    const key = columnCalled(name);
    const fault = unreadable(key, name, sign, told);
    if (fault) read.faults.push(fault);
    else {
      read.keys.push(key);
      read.tests.push((matrix) => compares(matrix.cells[key], sign, told));
    }
  }
  return read;
}

// Why a comparison cannot be made; nothing if it can.
function unreadable(key, name, sign, told) {
  if (!key) return name ? `no column is called ${name}` : `${sign}${told} lacks the name of a column before it`;
  if (!told) return `${name}${sign} lacks a value after it`;
  if (columns.get(key).style === "text") return sign === "=" || sign === "!=" ? "" : `${name} is a text: compare it with = or !=`;
  return Number.isNaN(numberTold(told)) ? `${told} is not a number` : "";
}

// Strictly: "3x" and ">5" are no numbers, "1,000", "40%", "1e-3" and "inf" are.
function numberTold(told) {
  if (told === "∞" || told === "inf") return Infinity;
  const plain = told.replace(/%$/, "").replaceAll(",", "");
  return plain ? Number(plain) / (told.endsWith("%") ? 100 : 1) : NaN;
}

function columnCalled(name) {
  const wanted = plainWord(name);
  const names = data.columns.map(({ key }) => [key, plainWord(key), plainWord(data.terms[key].label)]);
  const found = names.find(([, ...spelt]) => spelt.includes(wanted)) ?? names.find(([, ...spelt]) => spelt.some((word) => word.startsWith(wanted)));
  return wanted ? found?.[0] : undefined;
}

function compares(cell, sign, told) {
  const value = numberIn(cell);
  const bound = numberTold(told);
  if (typeof cell === "string" && cell !== "∞") {
    const same = cell.toLowerCase().includes(told.toLowerCase());
    return sign === "=" ? same : sign === "!=" ? !same : false;
  }
  if (value === null) return false;
  return { ">": value > bound, "<": value < bound, ">=": value >= bound, "<=": value <= bound, "=": value === bound, "!=": value !== bound }[sign];
}

const searched = (matrix) => Object.values(matrix.cells).filter((cell) => typeof cell === "string").join(" ").toLowerCase();

function sorted(key, descending) {
  if (!columns.has(key)) return data.matrices;
  const text = columns.get(key).style === "text";
  const value = (matrix) => (text ? matrix.cells[key] : numberIn(matrix.cells[key]));
  const known = data.matrices.filter((matrix) => value(matrix) !== null);
  known.sort((a, b) => (text ? value(a).localeCompare(value(b), "en", { numeric: true }) : value(a) === value(b) ? 0 : value(a) - value(b)));
  if (descending) known.reverse();
  return [...known, ...data.matrices.filter((matrix) => value(matrix) === null)]; // what is not known comes last
}

function tableCell(matrix, { key, style }) {
  const cell = matrix.cells[key];
  const write = (value) => (value === null ? "?" : style === "percent" ? percent(value) : short(value));
  const value = numberIn(cell);
  const made = element("td", { textContent: value === null ? cell ?? "–" : write(value) });
  if (Array.isArray(cell)) made.append(element("small", { textContent: `${write(cell[1])} to ${write(cell[2])}` }));
  if (style === "text") made.className = "text";
  const share = style === "rank" ? value / full(matrix) : value;
  if ((style === "rank" || style === "percent") && value !== null) made.style.setProperty("--share", (100 * Math.min(share, 1)).toFixed(1) + "%");
  return made;
}

function buildTable(visible) {
  const heads = visible.map(({ key }) => {
    const button = element("button", { type: "button", textContent: data.terms[key].label });
    button.dataset.term = key;
    button.setAttribute("aria-describedby", "term-" + key);
    const head = element("th", { scope: "col" }, [button]);
    head.dataset.key = key;
    if (columns.get(key).style === "text") head.className = "text";
    return head;
  });
  byId("matrices").tHead.replaceChildren(element("tr", {}, heads));
  for (const matrix of data.matrices) {
    const name = element("button", { type: "button", textContent: matrix.name, tabIndex: -1 });
    const row = element("tr", {}, [element("th", { scope: "row" }, [name]), ...visible.slice(1).map((column) => tableCell(matrix, column))]);
    row.dataset.name = matrix.name;
    rowOf.set(matrix.name, row);
  }
  byId("matrices").tBodies[0].replaceChildren();
}

function drawTable(state) {
  const descending = state.sort.startsWith("-");
  const key = state.sort.replace(/^-/, "");
  const filter = readFilter(state.filter);
  const visible = data.columns.filter((column) => !column.group || column.group === state.group || column.key === key || filter.keys.includes(column.key));
  const wanted = visible.map((column) => column.key).join(" ");
  const focused = document.activeElement?.closest("#matrices thead th")?.dataset.key;
  if (wanted !== shownColumns) buildTable(visible);
  shownColumns = wanted;
  for (const head of byId("matrices").tHead.rows[0].cells) {
    head.dataset.key === key ? head.setAttribute("aria-sort", descending ? "descending" : "ascending") : head.removeAttribute("aria-sort");
    if (focused && head.dataset.key === focused) head.firstChild.focus({ preventScroll: true }); // a rebuilt head keeps the focus
  }
  const rows = sorted(key, descending).filter((matrix) => filter.tests.every((test) => test(matrix))).map((matrix) => rowOf.get(matrix.name));
  const body = byId("matrices").tBodies[0];
  if (rows.length !== body.rows.length || rows.some((row, i) => row !== body.rows[i])) body.replaceChildren(...rows);
  let stop = false; // one row is a tab stop: the selected one, or else the first
  for (const row of rowOf.values()) {
    const selected = row.dataset.name === state.matrix;
    selected ? row.setAttribute("aria-current", "true") : row.removeAttribute("aria-current");
    row.querySelector("button").tabIndex = selected ? 0 : -1;
    stop ||= selected && row.isConnected;
  }
  if (!stop && rows.length) rows[0].querySelector("button").tabIndex = 0;
  if (byId("filter").value !== state.filter) byId("filter").value = state.filter;
  press("groups", state.group);
  const all = data.matrices.length;
  byId("count").textContent = (rows.length === all ? `${all} matrices` : `${rows.length} of ${all} matrices`) +
    filter.faults.map((fault) => "; " + fault).join("");
  byId("filter").setAttribute("aria-invalid", String(filter.faults.length > 0));
}

function moveInTable(event) {
  const rows = [...byId("matrices").tBodies[0].rows];
  const at = rows.indexOf(event.target.closest("tr"));
  const to = { ArrowUp: at - 1, ArrowDown: at + 1, PageUp: at - 10, PageDown: at + 10, Home: 0, End: rows.length - 1 }[event.key];
  if (to === undefined || at < 0) return;
  event.preventDefault();
  focusRow(rows[Math.min(Math.max(to, 0), rows.length - 1)]);
}

function focusRow(row) {
  if (!row) return;
  for (const button of byId("matrices").querySelectorAll("tbody button[tabindex='0']")) button.tabIndex = -1;
  const button = row.querySelector("button");
  button.tabIndex = 0;
  button.focus();
}

function listenToTable() {
  choices("groups", groups.map((group) => [group, group]), (group) => setState({ group }));
  byId("groups").hidden = groups.length < 2;
  byId("matrices").tHead.onclick = (event) => {
    const key = event.target.closest("th")?.dataset.key;
    if (!key) return;
    const orders = columns.get(key).style === "text" ? [key, "-" + key, ""] : ["-" + key, key, ""]; // the largest first
    setState({ sort: orders[(orders.indexOf(readState().sort) + 1) % 3] });
  };
  const body = byId("matrices").tBodies[0];
  body.onclick = (event) => show(event.target.closest("tr").dataset.name);
  body.onkeydown = moveInTable;
  byId("filter").oninput = (event) => setState({ filter: event.target.value });
  byId("filter").onkeydown = (event) => {
    if (event.key === "Escape") setState({ filter: "" });
    if (event.key === "ArrowDown") event.preventDefault(), focusRow(body.rows[0]);
  };
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.target.closest("input, textarea")) return;
    event.preventDefault();
    byId("filter").focus();
  });
}

function step(by) {
  const rows = [...byId("matrices").tBodies[0].rows];
  const at = rows.findIndex((row) => row.dataset.name === readState().matrix);
  const next = rows[(at + by + rows.length) % rows.length];
  if (next) setState({ matrix: next.dataset.name });
}
