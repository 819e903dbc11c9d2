// ---- together ------------------------------------------------------------------------------------------------------

const EXAMPLES = ["king", "king - man + woman", "berlin - germany + france"];

function goTo(section) {
  byId(section).scrollIntoView({ block: "start", behavior: calm.matches ? "auto" : "smooth" });
  byId(section).querySelector("h2").focus({ preventScroll: true });
}

// Sums that these words can answer; words of the file where they can answer none.
function examples() {
  const known = (texts) => texts.filter((text) => termsOf(text)?.every(({ i }) => i !== undefined));
  const sums = known(EXAMPLES);
  return sums.length ? sums : space.words.slice(0, 2);
}

function showExamples() {
  byId("examples").replaceChildren("Try ", ...examples().flatMap((text, n) => [n ? " or " : "", element("button", { type: "button", className: "word", textContent: text, onclick: () => ask(text) })]));
}

function listen() {
  listenToPicture();
  listenToSearch();
  byId("layouts").replaceChildren(...data.layouts.map(({ name, label }) => element("button", { type: "button", value: name, textContent: label, onclick: () => (setState({ layout: name }), startAgain()) })));
  byId("layouts").hidden = data.layouts.length < 2;
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-section]");
    if (!link) return;
    event.preventDefault();
    goTo(link.dataset.section);
  });
  window.addEventListener("hashchange", startAgain);
  dark.addEventListener("change", () => (readColours(), redraw()));
}

// What the address says, in the picture and beside it; where it says nothing, an example, and the whole map.
function startAgain() {
  const { ask: asked, layout } = readState();
  layOut(Math.max(0, data.layouts.findIndex((one) => one.name === layout)));
  startAxis();
  if (asked) return ask(asked);
  box.value = examples()[0];
  showAnswers(termsOf(box.value), true);
}

async function start() {
  try {
    await readSpace();
  } catch (error) {
    console.error(error);
    byId("no-map").hidden = false;
    return;
  }
  document.documentElement.classList.add("ready");
  readColours();
  listen();
  fitPicture();
  showExamples();
  startAgain();
  drawPicture();
  startContextual();
  document.documentElement.classList.add("drawn");
}

start();
