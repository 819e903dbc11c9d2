// ---- the picture by mouse, by touch and by keyboard ----------------------------------------------------------------

const fingers = new Map(); // pointers that are down, by their number
let travelled = 0; // pixels since the first came down: a press that went nowhere chooses a word

const at = (event) => {
  const box = picture.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
};

function readOut(i) {
  if (i === hovered) return;
  hovered = i;
  picture.style.cursor = i < 0 ? "grab" : "pointer";
  byId("readout").textContent = i < 0 ? "" : `${space.words[i]}: word ${(i + 1).toLocaleString("en")} of the file`;
  redraw();
}

function pressed(event) {
  picture.setPointerCapture(event.pointerId);
  if (!fingers.size) travelled = 0;
  fingers.set(event.pointerId, at(event));
  cancelAnimationFrame(flight);
}

function moved(event) {
  const now = at(event), before = fingers.get(event.pointerId);
  if (!before) return event.pointerType === "mouse" && readOut(wordAt(...now, 14));
  const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1];
  fingers.set(event.pointerId, now);
  travelled += Math.hypot(now[0] - before[0], now[1] - before[1]);
  if (!other) return move(now[0] - before[0], now[1] - before[1]);
  const apart = (a) => Math.hypot(a[0] - other[0], a[1] - other[1]);
  move((now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
  if (apart(before) > 1) zoom(apart(now) / apart(before), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
}

function released(event) {
  const was = fingers.delete(event.pointerId);
  if (!was || event.type === "pointercancel" || travelled > 6 || fingers.size) return;
  const word = wordAt(...at(event), event.pointerType === "mouse" ? 14 : 24);
  if (word >= 0) ask(space.words[word], { stay: true });
}

// The wheel belongs to the page until the picture has the focus.
function wheeled(event) {
  if (document.activeElement !== picture && !event.ctrlKey && !event.metaKey) {
    byId("wheel-hint").hidden = false;
    clearTimeout(wheeled.waiting);
    wheeled.waiting = setTimeout(() => (byId("wheel-hint").hidden = true), 1600);
    return;
  }
  event.preventDefault();
  zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.002) * (event.ctrlKey ? 3 : 1)), ...at(event));
}

function keyed(event) {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  const stride = event.shiftKey ? 240 : 60;
  const act = {
    ArrowLeft: () => move(stride, 0), ArrowRight: () => move(-stride, 0), ArrowUp: () => move(0, stride), ArrowDown: () => move(0, -stride),
    "+": () => zoom(1.25), "=": () => zoom(1.25), "-": () => zoom(0.8), "−": () => zoom(0.8), "0": wholeMap, Home: wholeMap,
    Enter: () => hovered >= 0 && ask(space.words[hovered], { stay: true }), Escape: () => picture.blur(),
  }[event.key];
  if (!act) return;
  event.preventDefault();
  act();
  if (event.key !== "Enter" && event.key !== "Escape") readOut(wordAt(size.width / 2, size.height / 2, 80));
}

const wholeMap = () => fly(0, 0, wholeScale());

function listenToPicture() {
  picture.onpointerdown = pressed;
  picture.onpointermove = moved;
  picture.onpointerup = picture.onpointercancel = released;
  picture.onpointerleave = () => fingers.size || readOut(-1);
  picture.addEventListener("wheel", wheeled, { passive: false });
  picture.onkeydown = keyed;
  picture.onfocus = picture.onblur = redraw;
  byId("closer").onclick = () => zoom(1.6);
  byId("farther").onclick = () => zoom(1 / 1.6);
  byId("whole").onclick = wholeMap;
  new ResizeObserver(fitPicture).observe(picture);
}
