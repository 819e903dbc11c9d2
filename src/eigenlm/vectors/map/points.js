// ---- the points: written into the pixels themselves, for 50,000 circles would take a canvas longer than a frame -----

const EDGE = 16; // pixels around what is seen, so that a point at the edge needs no care
const ground = { width: 0, height: 0, cover: new Uint16Array(), image: null };

// How much of each pixel a disc covers, in 256ths.
function disc(radius, strength) {
  const reach = Math.ceil(radius), side = 2 * reach + 1, weights = [], steps = [];
  for (let dy = -reach; dy <= reach; dy++) {
    for (let dx = -reach; dx <= reach; dx++) {
      const covered = Math.min(Math.max(radius + 0.5 - Math.hypot(dx, dy), 0), 1);
      if (covered) weights.push(Math.round(255 * strength * covered)), steps.push([dx, dy]);
    }
  }
  return { side, weights, steps };
}

function paintPoints(context, places) {
  const { width, height } = context.canvas, stride = width + 2 * EDGE;
  if (ground.width !== width || ground.height !== height) {
    Object.assign(ground, { width, height, cover: new Uint16Array(stride * (height + 2 * EDGE)), image: context.createImageData(width, height) });
  }
  const cover = ground.cover.fill(0), ratio = width / size.width;
  const radius = ratio * Math.min(0.75 * magnified() ** 0.4, 3.4);
  const { weights, steps } = disc(radius, Math.min(0.45 * magnified() ** 0.5, 1));
  const offsets = steps.map(([dx, dy]) => dy * stride + dx);
  const scale = camera.scale * ratio, left = EDGE + width / 2 - camera.x * scale, top = EDGE + height / 2 + camera.y * scale;
  const [right, bottom, near] = [width + 2 * EDGE - 8, height + 2 * EDGE - 8, 8];
  for (let i = 0; i < places.length; i += 2) {
    const x = left + places[i] * scale, y = top - places[i + 1] * scale;
    if (x < near || y < near || x >= right || y >= bottom) continue;
    const at = Math.round(y) * stride + Math.round(x);
    for (let j = 0; j < offsets.length; j++) {
      const sum = cover[at + offsets[j]] + weights[j];
      cover[at + offsets[j]] = sum < 65535 ? sum : 65535;
    }
  }
  const pixels = new Uint32Array(ground.image.data.buffer), { ramp } = colours;
  for (let y = 0, to = 0; y < height; y++) {
    for (let from = (y + EDGE) * stride + EDGE, end = from + width; from < end; from++, to++) {
      pixels[to] = ramp[cover[from] < 4095 ? cover[from] : 4095];
    }
  }
  context.putImageData(ground.image, 0, 0);
}
