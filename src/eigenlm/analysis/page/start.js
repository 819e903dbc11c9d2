// ---- together ------------------------------------------------------------------------------------------------------

function draw() {
  const state = readState();
  drawMap(state);
  drawTable(state);
  for (const drawOne of whenChanged) drawOne(state);
  if (matrices.has(state.matrix)) byId("python-name").textContent = JSON.stringify(state.matrix);
}

// Select a matrix and go where it is drawn.
function show(name) {
  setState({ matrix: name });
  goTo("matrix");
}

function goTo(section) {
  byId(section)?.scrollIntoView({ block: "start", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  byId(section)?.querySelector("h2")?.focus({ preventScroll: true });
}

// What does not change with the selected matrix is drawn one after the other, so that the first chart does not wait for them.
async function drawSections() {
  for (const drawOne of whenLoaded) {
    await new Promise((done) => setTimeout(done));
    drawOne();
  }
}

function listen() {
  explainWords();
  listenToTable();
  for (const listenOne of whenStarted) listenOne();
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-section]");
    if (!link) return;
    event.preventDefault();
    if (link.dataset.matrix) setState({ matrix: link.dataset.matrix });
    goTo(link.dataset.section);
  });
  window.addEventListener("hashchange", draw);
  window.addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((more) => (more.open = true)));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => (draw(), window.Plotly && drawSections()));
}

async function start() {
  document.documentElement.classList.add("ready");
  buildMap();
  listen();
  draw();
  if (!byId("plotly")) return;
  try {
    const [lines, plotly] = await Promise.all([unpacked("curves"), unpacked("plotly")]);
    curves = JSON.parse(lines);
    document.head.append(element("script", { textContent: plotly }));
    draw();
    await drawSections();
    document.documentElement.classList.add("drawn");
  } catch (error) {
    console.error(error);
    byId("no-charts").hidden = false;
  }
}

start();
