// ---- the search box: words that begin so, sums, near spellings -----------------------------------------------------

const box = byId("ask");
const list = byId("completions");
let active = -1; // which completion is marked

// The word that is being typed: what stands after the last sign.
const typedLast = () => box.value.split(SIGN).at(-1);

function offer() {
  const start = typedLast().replace(/^\d+(\.\d+)?\s*\*\s*/, "");
  const found = start ? beginningWith(start, 8).filter((i) => space.words[i] !== start) : [];
  active = -1;
  list.replaceChildren(...found.map((i, n) => element("li", { id: "completion-" + n, textContent: space.words[i], attributes: { role: "option", "aria-selected": "false" }, onpointerdown: (event) => (event.preventDefault(), complete(n)) })));
  showCompletions(found.length > 0);
}

function showCompletions(shown) {
  list.hidden = !shown;
  box.setAttribute("aria-expanded", String(shown));
  if (!shown) box.removeAttribute("aria-activedescendant");
}

function moveTo(n) {
  const options = [...list.children];
  active = (n + options.length) % options.length;
  options.forEach((option, i) => option.setAttribute("aria-selected", String(i === active)));
  box.setAttribute("aria-activedescendant", options[active].id);
}

function complete(n) {
  const typed = typedLast(), kept = box.value.slice(0, box.value.length - typed.length);
  box.value = kept + list.children[n].textContent;
  showCompletions(false);
  ask(box.value);
}

function keyedInBox(event) {
  const open = !list.hidden;
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    if (!open) return;
    event.preventDefault();
    moveTo(event.key === "ArrowDown" ? active + 1 : (active < 0 ? 0 : active) - 1);
  } else if (event.key === "Escape" && open) {
    event.preventDefault();
    showCompletions(false);
  } else if (event.key === "Enter") {
    event.preventDefault();
    open && active >= 0 ? complete(active) : (showCompletions(false), ask(box.value));
  }
}

// Show what is nearest to a word or a sum; `stay` where the picture must not move, `quiet` where a word may be unfinished.
function ask(text, { stay = false, quiet = false } = {}) {
  const terms = termsOf(text), unknown = terms?.find(({ i }) => i === undefined);
  if (quiet && (!terms || unknown)) return;
  if (box.value !== text) box.value = text;
  setState({ ask: text.trim() || null });
  if (!text.trim()) showNothing();
  else if (!terms) tellFault("A sum needs a word after every sign, as in: a - b + c", []);
  else if (unknown) tellFault(`“${unknown.word}” is not among these words.`, nearSpellings(unknown.word), (word) => text.replace(unknown.word, () => word));
  else showAnswers(terms, stay);
}

function listenToSearch() {
  box.oninput = () => (offer(), ask(box.value, { quiet: true, stay: true }));
  box.onkeydown = keyedInBox;
  box.onblur = () => showCompletions(false);
  byId("search").onsubmit = (event) => event.preventDefault();
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.target.closest("input, textarea")) return;
    event.preventDefault();
    box.focus();
    box.select();
  });
}
