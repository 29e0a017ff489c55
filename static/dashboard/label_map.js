// The map of the hierarchy: a column for each level, and in it a box for each node, as high as all that is below it.
// Zooming stretches the rows alone, so that names stay readable; what is outside of the view, or too small, is not
// drawn. The boxes are the items of a tree for screen readers; the active one is named by aria-activedescendant.

const COLUMN_PX = 180;
const NARROW_COLUMN_PX = 132;
const LEAST_BOX_PX = 3;
const LEAST_TEXT_PX = 13;
const LEAST_TWO_LINES_PX = 34;
const READABLE_PX = 24;
const HIGHEST_ROW_PX = 60;
const STEP = 1.4;
const MOVE_PX = 120;
const STILL_PX = 5;
const DURATION_MS = 180;

// Starts a map. `onChoice` gets the index and words of a class that is chosen; without it, classes open their pages.
export function startMap(element, onChoice) {
  const view = element.querySelector("[data-map-view]");
  const about = element.querySelector("[data-map-about]");
  const texts = element.dataset;
  const boxes = new Map();
  const pointers = new Map();
  let nodes = [];
  let active = 0;
  let left = 0; // pixels
  let top = 0; // rows
  let row = 1; // pixels
  let pinch = null;
  let drag = null;
  let animation = 0;

  // The nodes

  async function load() {
    try {
      const response = await fetch(texts.tree, { headers: { Accept: "application/json" } });
      if (!response.ok || response.redirected) throw new Error(response.statusText);
      place((await response.json()).nodes);
    } catch {
      about.textContent = texts.failed;
      return;
    }
    about.textContent = "";
    row = least();
    active = Math.max(0, nodes.findIndex((node) => node.key === texts.node));
    select(active, active > 0);
  }

  function place(rows) {
    nodes = rows.map(([key, words, parent, n, index, before, parents, links], number) => {
      return { number, key, words, name: words.split(",")[0], parent, n, index, before, parents, links, children: [] };
    });
    for (const node of nodes) if (node.parent >= 0) nodes[node.parent].children.push(node.number);
    // They come in the order of a walk: from the end, children are ready before their parents.
    for (const node of [...nodes].reverse()) {
      node.height = Math.max(1, node.children.reduce((sum, child) => sum + nodes[child].height, 0));
    }
    for (const node of nodes) {
      node.depth = node.parent < 0 ? 0 : nodes[node.parent].depth + 1;
      node.start ??= 0;
      let start = node.start;
      for (const child of node.children) {
        nodes[child].start = start;
        start += nodes[child].height;
      }
    }
  }

  const column = () => (view.clientWidth < 600 ? NARROW_COLUMN_PX : COLUMN_PX);
  const least = () => Math.min(HIGHEST_ROW_PX, view.clientHeight / nodes[0].height);
  const deepest = () => nodes.reduce((depth, node) => Math.max(depth, node.depth), 0);

  // Drawing

  function keepInside() {
    row = Math.min(HIGHEST_ROW_PX, Math.max(least(), row));
    top = Math.max(0, Math.min(top, nodes[0].height - view.clientHeight / row));
    left = Math.max(0, Math.min(left, (deepest() + 1) * column() - view.clientWidth));
  }

  function draw() {
    if (!nodes.length || !view.clientHeight) return;
    keepInside();
    const drawn = new Set();
    const waiting = [0];
    const bottom = top + view.clientHeight / row;
    while (waiting.length) {
      const node = nodes[waiting.pop()];
      if (node.start > bottom || node.start + node.height < top) continue;
      if (node.height * row < LEAST_BOX_PX && node.number !== active) continue;
      const x = node.depth * column() - left;
      if (x > view.clientWidth) continue;
      if (x + column() > 0) {
        drawBox(node, x);
        drawn.add(node.number);
      }
      waiting.push(...node.children);
    }
    for (const [number, box] of boxes) {
      if (drawn.has(number)) continue;
      box.remove();
      boxes.delete(number);
    }
    if (boxes.has(active)) view.setAttribute("aria-activedescendant", boxes.get(active).id);
    else view.removeAttribute("aria-activedescendant");
  }

  function drawBox(node, x) {
    const box = boxes.get(node.number) ?? newBox(node);
    const y = (node.start - top) * row;
    const height = node.height * row;
    // The name stays in the part of the box that is in view.
    const from = Math.max(0, y);
    const to = Math.min(view.clientHeight, y + height);
    box.style.transform = `translate(${x}px, ${from}px)`;
    box.style.width = `${column()}px`;
    box.style.height = `${Math.max(LEAST_BOX_PX, to - from)}px`;
    box.classList.toggle("active", node.number === active);
    box.classList.toggle("silent", height < LEAST_TEXT_PX);
    box.classList.toggle("low", to - from < LEAST_TWO_LINES_PX);
    box.setAttribute("aria-selected", node.number === active);
  }

  function newBox(node) {
    const box = document.createElement("div");
    const siblings = node.parent < 0 ? [0] : nodes[node.parent].children;
    box.id = `${view.id || "map"}-${node.number}`;
    box.className = node.index === null ? "map-box" : "map-box leaf";
    // A group whose classes all stand elsewhere.
    if (node.links.length && !node.children.length) box.classList.add("elsewhere");
    box.dataset.number = node.number;
    box.setAttribute("role", "treeitem");
    box.setAttribute("aria-level", node.depth + 1);
    box.setAttribute("aria-setsize", siblings.length);
    box.setAttribute("aria-posinset", siblings.indexOf(node.number) + 1);
    if (node.children.length) box.setAttribute("aria-expanded", "true");
    box.setAttribute("aria-label", spoken(node));
    const name = document.createElement("span");
    name.textContent = node.children.length ? `${node.name} ${node.n}` : node.name;
    box.append(name);
    boxes.set(node.number, box);
    view.append(box);
    return box;
  }

  function spoken(node) {
    const kind = node.index === null ? texts.classes.replace("{n}", node.n) : texts.className.replace("{n}", node.index);
    const before = node.before.length ? `, ${texts.under.replace("{names}", node.before.join(", "))}` : "";
    return `${node.words}, ${kind}${before}`;
  }

  // The active node

  function select(number, comesNear) {
    active = number;
    describe(nodes[number]);
    if (comesNear) return bring(nodes[number]);
    draw();
  }

  // Moves the view, and stretches it if it must, until a node can be read.
  function bring(node) {
    const wide = column();
    const to = { row: Math.max(row, READABLE_PX / node.height), left, top };
    to.row = Math.min(HIGHEST_ROW_PX, to.row);
    const rows = view.clientHeight / to.row;
    const middle = node.start + node.height / 2;
    if (to.row !== row || node.start < top || node.start + Math.min(node.height, rows) > top + rows) {
      to.top = node.height > rows ? node.start : middle - rows / 2;
    }
    const x = node.depth * wide;
    const end = x + (node.children.length ? 2 : 1) * wide;
    if (end > left + view.clientWidth) to.left = end - view.clientWidth;
    // The column before it, if there is room: it says what this is a part of.
    to.left = Math.max(0, Math.min(to.left, view.clientWidth < 2 * wide ? x : x - wide));
    go(to);
  }

  function go(to) {
    cancelAnimationFrame(animation);
    const from = { row, left, top };
    const begin = performance.now();
    const duration = matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : DURATION_MS;
    const step = () => {
      const share = duration ? Math.min(1, (performance.now() - begin) / duration) : 1;
      row = from.row * (to.row / from.row) ** share;
      left = from.left + (to.left - from.left) * share;
      // What is between the two places stays in order while the scale changes.
      top = share === 1 ? to.top : from.top + (to.top - from.top) * share;
      draw();
      if (share < 1) animation = requestAnimationFrame(step);
    };
    step();
  }

  function open(number) {
    const node = nodes[number];
    if (node.index !== null && !node.children.length) return enter(node);
    active = number;
    describe(node);
    go({ row: Math.min(HIGHEST_ROW_PX, Math.max(least(), view.clientHeight / node.height)), top: node.start, left: Math.max(0, node.depth * column() - column() / 3) });
  }

  function enter(node) {
    if (onChoice) onChoice(node.index, node.words);
    else location.assign(address(node));
  }

  const address = (node) => texts.class.replace("/0/", `/${node.index}/`);

  function describe(node) {
    about.replaceChildren();
    const name = document.createElement("strong");
    name.textContent = [...node.before, node.words].join(" › ");
    about.append(name, ` (${node.index === null ? texts.classes.replace("{n}", node.n) : texts.className.replace("{n}", node.index)}) `);
    if (node.index !== null) about.append(button(onChoice ? texts.choose : texts.open, () => enter(node)));
    list(texts.alsoBelow, node.parents);
    list(texts.alsoAbove, node.links);
  }

  function list(words, numbers) {
    if (!numbers.length) return;
    about.append(` ${words} `, ...numbers.map((number) => button(nodes[number].name, () => leap(number))));
  }

  function leap(number) {
    view.focus({ preventScroll: true });
    select(number, true);
  }

  function button(words, press) {
    const element = document.createElement("button");
    element.type = "button";
    element.className = "button quiet";
    element.textContent = words;
    element.addEventListener("click", press);
    return element;
  }

  // Keys and buttons

  const home = () => {
    active = 0;
    describe(nodes[0]);
    go({ row: least(), left: 0, top: 0 });
  };
  const zoom = (factor, y = view.clientHeight / 2) => {
    const fixed = top + y / row;
    row = Math.min(HIGHEST_ROW_PX, Math.max(least(), row * factor));
    top = fixed - y / row;
    draw();
  };
  const pan = (x, y) => {
    left += x;
    top += y / row;
    draw();
  };
  const ACTS = {
    in: () => zoom(STEP),
    out: () => zoom(1 / STEP),
    home,
    left: () => pan(-MOVE_PX, 0),
    right: () => pan(MOVE_PX, 0),
    up: () => pan(0, -MOVE_PX),
    down: () => pan(0, MOVE_PX),
  };
  const ARROWS = { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down" };

  // The next node of the same level: below the same parent, or else below the parent's neighbour.
  function beside(node, step) {
    for (let number = node.number + step; number >= 0 && number < nodes.length; number += step) {
      if (nodes[number].depth === node.depth) return number;
    }
    return node.number;
  }

  function walk(key) {
    const node = nodes[active];
    if (key === "ArrowLeft") return node.parent < 0 ? active : node.parent;
    if (key === "ArrowRight") return node.children[0] ?? active;
    return beside(node, key === "ArrowDown" ? 1 : -1);
  }

  view.addEventListener("keydown", (event) => {
    if (!nodes.length || event.ctrlKey || event.metaKey || event.altKey) return;
    const { key } = event;
    if (ARROWS[key] && event.shiftKey) ACTS[ARROWS[key]]();
    else if (ARROWS[key]) select(walk(key), true);
    else if (key === "Enter" || key === " ") open(active);
    else if (key === "Home") home();
    else if (key === "+" || key === "=") ACTS.in();
    else if (key === "-") ACTS.out();
    else return;
    event.preventDefault();
  });
  element.addEventListener("click", (event) => {
    const act = event.target.closest("[data-map-act]")?.dataset.mapAct;
    if (act && nodes.length) ACTS[act]();
  });

  // Pointers

  const inView = (event) => {
    const { left: x, top: y } = view.getBoundingClientRect();
    return { x: event.clientX - x, y: event.clientY - y };
  };
  const spread = () => {
    const [first, second] = [...pointers.values()];
    return { distance: Math.max(20, Math.hypot(first.x - second.x, first.y - second.y)), y: (first.y + second.y) / 2 };
  };

  view.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    cancelAnimationFrame(animation);
    view.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, inView(event));
    drag = pointers.size === 1 ? { from: inView(event), moved: 0, box: event.target.closest("[data-number]") } : null;
    pinch = pointers.size === 2 ? spread() : null;
  });
  view.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before || !nodes.length) return;
    const now = inView(event);
    pointers.set(event.pointerId, now);
    if (pinch && pointers.size === 2) {
      const spreadNow = spread();
      zoom(spreadNow.distance / pinch.distance, spreadNow.y);
      pan(0, pinch.y - spreadNow.y);
      pinch = spreadNow;
    } else if (drag) {
      drag.moved = Math.max(drag.moved, Math.hypot(now.x - drag.from.x, now.y - drag.from.y));
      if (drag.moved >= STILL_PX) pan(before.x - now.x, before.y - now.y);
    }
  });
  const release = (event) => {
    pointers.delete(event.pointerId);
    pinch = null;
    const pressed = event.type === "pointerup" && drag && drag.moved < STILL_PX ? drag.box : null;
    drag = null;
    if (!pressed) return;
    const number = Number(pressed.dataset.number);
    // The first press names a class, the second opens it: small boxes are easily missed.
    if (nodes[number].index !== null && number !== active) select(number, true);
    else open(number);
  };
  view.addEventListener("pointerup", release);
  view.addEventListener("pointercancel", release);
  view.addEventListener(
    "wheel",
    (event) => {
      if (!nodes.length) return;
      event.preventDefault();
      const lines = event.deltaMode ? 16 : 1;
      if (event.shiftKey) return pan((event.deltaX || event.deltaY) * lines, 0);
      if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) return pan(event.deltaX * lines, 0);
      zoom(Math.exp((-event.deltaY * lines) / 400), inView(event).y);
    },
    { passive: false },
  );
  new ResizeObserver(draw).observe(view);

  return {
    // Shows the map, and fetches the hierarchy the first time.
    show() {
      element.hidden = false;
      if (!nodes.length) load();
    },
  };
}
