// Names beside points: none covers another, a point, or the edge; a line leads from name to point.
const LABEL = { height: 14, gap: 3, size: 11 };
const RINGS = [4, 10, 16, 24, 32, 42, 54, 68, 84, 102, 122, 146, 174, 208, 250];
const DIRECTIONS = [...Array(24).keys()].map((step) => (step * Math.PI) / 12);

const overlap = (a, b) =>
  a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;

const boxAround = (x, y, width, height) => ({
  left: x - width / 2,
  right: x + width / 2,
  top: y - height / 2,
  bottom: y + height / 2,
});

// Whether a line crosses a box (Liang and Barsky's clipping).
const crosses = ([x0, y0], [x1, y1], box) => {
  let [from, to] = [0, 1];
  for (const [step, room] of [
    [x0 - x1, x0 - box.left],
    [x1 - x0, box.right - x0],
    [y0 - y1, y0 - box.top],
    [y1 - y0, box.bottom - y0],
  ]) {
    if (step === 0 && room < 0) return false;
    if (step < 0) from = Math.max(from, room / step);
    if (step > 0) to = Math.min(to, room / step);
  }
  return from < to;
};

const candidates = (point, width) =>
  RINGS.flatMap((ring) =>
    DIRECTIONS.map((angle) => {
      const [along, down] = [Math.cos(angle), Math.sin(angle)];
      const reach = point.radius + ring;
      // The box touches the ring with the side that looks at the point.
      const x = point.x + along * (reach + width / 2);
      const y = point.y + down * (reach + LABEL.height / 2);
      return { x, y, ring, box: boxAround(x, y, width, LABEL.height) };
    }),
  );

// Points in the order of their importance -> a place for each name, or null where there is no room.
const placeLabels = (points, area, measure, words) => {
  const markers = points.map(({ x, y, radius }) => boxAround(x, y, 2 * radius, 2 * radius));
  const taken = [...markers, ...words];
  const placed = [];
  return points.map((point) => {
    const fits = ({ x, y, box }) =>
      box.left >= area.left &&
      box.right <= area.right &&
      box.top >= area.top &&
      box.bottom <= area.bottom &&
      !taken.some((other) => overlap(box, other)) &&
      !placed.some(
        (other) =>
          overlap(box, other.box) ||
          crosses([point.x, point.y], [x, y], other.box) ||
          crosses([other.point.x, other.point.y], [other.x, other.y], box),
      );
    const free = candidates(point, measure(point.name) + 2 * LABEL.gap).find(fits);
    if (!free) return null;
    placed.push({ ...free, point });
    return free;
  });
};

const measureText = (() => {
  const pen = document.createElement("canvas").getContext("2d");
  const plain = document.createElement("textarea");
  return (text, family) => {
    pen.font = `${LABEL.size}px ${family}`;
    plain.innerHTML = text; // Names are written for HTML.
    return pen.measureText(plain.value).width;
  };
})();
