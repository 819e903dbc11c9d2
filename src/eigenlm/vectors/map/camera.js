// ---- what part of the plane is looked at ---------------------------------------------------------------------------

const FAR = 32767; // places go from -FAR to FAR
const camera = { x: 0, y: 0, scale: 0 }; // the middle, and pixels for a step of the plane
const size = { width: 0, height: 0 }; // of the picture, in pixels of the page

const wholeScale = () => (0.47 * Math.min(size.width, size.height)) / FAR;
const across = (x) => size.width / 2 + (x - camera.x) * camera.scale;
const down = (y) => size.height / 2 - (y - camera.y) * camera.scale;
const magnified = () => camera.scale / wholeScale();

function look(x, y, scale) {
  camera.x = Math.min(Math.max(x, -FAR), FAR);
  camera.y = Math.min(Math.max(y, -FAR), FAR);
  camera.scale = Math.min(Math.max(scale, 0.6 * wholeScale()), 150 * wholeScale());
  redraw();
}

const move = (dx, dy) => look(camera.x - dx / camera.scale, camera.y + dy / camera.scale, camera.scale);

// What lies under a point of the picture stays there.
function zoom(factor, px = size.width / 2, py = size.height / 2) {
  const [x, y] = [camera.x + (px - size.width / 2) / camera.scale, camera.y - (py - size.height / 2) / camera.scale];
  const scale = Math.min(Math.max(camera.scale * factor, 0.6 * wholeScale()), 150 * wholeScale());
  look(x - (px - size.width / 2) / scale, y + (py - size.height / 2) / scale, scale);
}

let flight = 0;

function fly(x, y, scale) {
  cancelAnimationFrame(flight);
  if (calm.matches || !camera.scale) return look(x, y, scale);
  const from = { ...camera }, began = performance.now();
  const step = (now) => {
    const t = Math.min((now - began) / 350, 1), eased = t * t * (3 - 2 * t);
    look(from.x + (x - from.x) * eased, from.y + (y - from.y) * eased, from.scale * (scale / from.scale) ** eased);
    if (t < 1) flight = requestAnimationFrame(step);
  };
  flight = requestAnimationFrame(step);
}

// Everything of `points` in view, with room for its words, and not nearer than is of use.
function flyToSee(points, nearest = 30) {
  const [xs, ys] = [0, 1].map((axis) => points.map((point) => point[axis]));
  const [left, right, low, high] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const scale = Math.min((0.62 * size.width) / (right - left || 1), (0.7 * size.height) / (high - low || 1), nearest * wholeScale());
  fly((left + right) / 2, (low + high) / 2, scale);
}
