// The map of a page: what it shows, and what a pointer, a finger or a key does to it.

const HIT = { mouse: 12, touch: 24 }; // Farthest that a pointer may be from a point [px]
const BUTTONS = [
  ["+", "Zoom in", (map) => map.zoomBy(1)],
  ["−", "Zoom out", (map) => map.zoomBy(-1)],
  ["⌂", "Show all", (map) => map.fit()],
  ["◎", "Find me", (map) => map.findMe()],
  ["⤓", "Save picture", (map) => map.save()],
];
const short = (name) => name.length > 30 ? `${name.slice(0, 29)}…` : name;

const files = {}; // What was fetched, by address: every map of the page shares it.
const views = (window.airqMapViews ??= {}); // Where each map was left, so that it lasts over days and pages.
function fetched(address) {
  if (typeof address !== "string") return Promise.resolve(address);
  return (files[address] ??= fetch(address).then((answer) => answer.json()));
}

class WorldMap extends Marks {
  constructor(root) {
    super();
    this.frame = node("div", root, { class: "map" });
    this.canvas = node("canvas", this.frame, { tabindex: 0, role: "application", "aria-roledescription": "map" });
    this.pen = this.canvas.getContext("2d");
    const bar = node("div", this.frame, { class: "buttons", role: "group", "aria-label": "Map controls" });
    for (const [sign, words, act] of BUTTONS) {
      node("button", bar, { type: "button", "aria-label": words, title: words }, sign).onclick = () => act(this);
    }
    this.tooltip = node("div", this.frame, { class: "tooltip", "aria-hidden": "true", hidden: "" });
    this.status = node("div", this.frame, { class: "status", role: "status", hidden: "" });
    this.heard = node("div", this.frame, { class: "heard", "aria-live": "polite" });
    this.credit = node("div", this.frame, { class: "credit" });
    this.countries = []; this.names = []; this.tiles = new Map(); this.widths = new Map();
    this.listen();
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(this.frame);
    this.clock = setInterval(() => this.note(), 1000);
  }

  update({ data, setTriggerValue }) {
    const before = this.data;
    this.data = data;
    this.tell = setTriggerValue;
    for (const name of ["text", "page", "border", "line"]) this.frame.style.setProperty(`--${name}`, data.tone[name]);
    this.frame.style.height = `${data.height}px`;
    this.canvas.setAttribute("aria-label", data.words);
    this.frame.querySelector("[title='Save picture']").hidden = !data.picture;
    this.credit.textContent = data.basemap?.credit ?? "Natural Earth, GeoNames";
    if (before?.basemap?.url !== data.basemap?.url) this.tiles.clear();
    this.stamps = new Map();
    this.read();
    fetched(data.outlines).then((all) => { this.countries = all.features.map((one) => new Country(one)); this.read(); });
    fetched(data.names).then((all) => { this.names = all; this.draw(); });
    if (data.surface) this.readSurface(data.surface); else this.surface = null;
    this.seat = `${data.key} ${data.range}`;
    if (!before || `${before.range}` !== `${data.range}`) this.centre = null;
    this.resize();
    if (before && before.chosen?.place !== data.chosen?.place) this.reveal();
  }

  // What can be pointed at, with its place in the projection, the last on top.
  read() {
    const { points, areas } = this.data;
    this.targets = [];
    if (points) {
      const column = (name, Kind = Float32Array) => numbers(points[name], Kind);
      const [place, number, flags] = [column("place", Int32Array), column("number", Int8Array), column("flags", Uint8Array)];
      const [x, y, size, value] = [column("longitude"), column("latitude"), column("size"), column("value")];
      const [lengths, thousands] = [column("lengths", Uint8Array), column("thousands", Uint16Array)];
      const [lower, upper] = points.lower ? [column("lower"), column("upper")] : [];
      this.targets = Array.from(place, (row, at) => ({
        place: row, title: points.labels[at], name: short(points.labels[at].slice(0, lengths[at])), thousands: thousands[at],
        x: xOf(x[at]), y: yOf(y[at]), size: size[at], value: value[at], number: number[at],
        hollow: flags[at] & 1, monitor: flags[at] & 2, lower: lower?.[at], upper: upper?.[at],
      }));
    }
    this.areas = new Map((areas ?? []).map((area) => [area.id, area]));
    for (const country of this.countries) {
      const area = this.areas.get(country.id);
      if (area) this.targets.push({ ...area, x: country.x, y: country.y, country });
    }
    this.draw();
  }

  chosen() { return this.targets.find((one) => one.place === this.data.chosen?.place); }

  reveal() {
    const one = this.chosen();
    if (one && !this.seen(this.pixel(one.x, one.y), -30)) this.look(one.x, one.y, this.zoom);
  }

  say(words) {
    this.status.textContent = words;
    this.status.hidden = !words;
    clearTimeout(this.quiet);
    this.quiet = setTimeout(() => { this.status.hidden = true; }, 6000);
  }

  findMe() {
    const instead = (why) => {
      const one = this.chosen();
      this.say(one ? `${why} ${one.title} is shown instead.` : why);
      if (one) this.look(one.x, one.y, Math.max(this.zoom, 7));
    };
    if (!window.isSecureContext || !navigator.geolocation) {
      return instead("The browser tells a position only to pages over https or on this machine.");
    }
    this.say("Asking the browser for the position …");
    navigator.geolocation.getCurrentPosition(({ coords }) => {
      this.me = [xOf(coords.longitude), yOf(coords.latitude)];
      const far = (one) => Math.hypot(one.x - this.me[0], one.y - this.me[1]);
      const nearest = this.targets.reduce((best, one) => (!best || far(one) < far(best) ? one : best), null);
      this.look(...this.me, Math.max(this.zoom, 7));
      if (!nearest) return this.say("You are here.");
      this.say(`You are at the blue dot; the nearest place of this map is ${nearest.title}.`);
      this.tell("clicked", nearest.place);
    }, () => instead("The browser did not tell the position."), { timeout: 10000, maximumAge: 600000 });
  }

  listen() {
    const canvas = this.canvas, spot = (event) => {
      const box = canvas.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    let drag = null, pinch = null;
    canvas.addEventListener("wheel", (event) => {
      // The wheel alone scrolls the page.
      if (!event.ctrlKey && !event.metaKey) return this.say("Ctrl and the wheel zoom, as do the buttons.");
      event.preventDefault();
      this.zoomBy(-event.deltaY / (event.deltaMode ? 8 : 250), spot(event));
    }, { passive: false });
    canvas.onpointerdown = (event) => { drag = { at: spot(event), from: spot(event), id: event.pointerId }; };
    canvas.onpointermove = (event) => {
      if (!drag || pinch) return event.pointerType === "mouse" && this.hover(spot(event), HIT.mouse);
      const at = spot(event);
      if (!drag.far && Math.hypot(at[0] - drag.from[0], at[1] - drag.from[1]) < 5) return;
      if (!drag.far) canvas.setPointerCapture(drag.id);
      drag.far = true;
      this.hide();
      this.moveBy(at[0] - drag.at[0], at[1] - drag.at[1]);
      drag.at = at;
    };
    canvas.onpointercancel = () => { drag = null; this.hide(); };
    canvas.onpointerup = (event) => {
      const click = drag && !drag.far && !pinch;
      drag = null;
      if (click) this.click(spot(event), HIT[event.pointerType === "mouse" ? "mouse" : "touch"]);
    };
    canvas.onpointerleave = () => this.hide();
    canvas.ondblclick = (event) => this.zoomBy(1, spot(event));
    const span = ([one, other]) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
    const middle = ([one, other]) => spot({ clientX: (one.clientX + other.clientX) / 2, clientY: (one.clientY + other.clientY) / 2 });
    canvas.addEventListener("touchstart", ({ touches }) => {
      pinch = touches.length === 2 ? { span: span(touches), at: middle(touches) } : null;
    }, { passive: true });
    canvas.addEventListener("touchmove", (event) => {
      if (!pinch || event.touches.length !== 2) return;
      event.preventDefault();
      const now = { span: span(event.touches), at: middle(event.touches) };
      this.moveBy(now.at[0] - pinch.at[0], now.at[1] - pinch.at[1]);
      this.zoomBy(Math.log2(now.span / pinch.span), now.at);
      pinch = now;
    }, { passive: false });
    canvas.addEventListener("touchend", ({ touches }) => { if (!touches.length) pinch = null; });
    canvas.onkeydown = (event) => this.key(event);
    canvas.onblur = () => { this.focused = null; this.hide(); this.draw(); };
    document.addEventListener("scroll", this.scrolled = () => this.hide(), { capture: true, passive: true });
  }

  key(event) {
    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const acts = { "+": () => this.zoomBy(1), "=": () => this.zoomBy(1), "-": () => this.zoomBy(-1), 0: () => this.fit(),
      Escape: () => this.hide(), Enter: () => this.focused && this.tell("clicked", this.focused.place) };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (ways[event.key]) this.walk(ways[event.key]);
    else if (acts[event.key]) acts[event.key]();
    else return;
    event.preventDefault();
  }

  // Go to the nearest place in a direction, the chosen one first.
  walk([right, downwards]) {
    if (this.targets.length < 2) return this.moveBy(-80 * right, -80 * downwards);
    const from = this.focused ?? this.chosen() ?? this.targets[0];
    let next = this.focused ? null : from, least = Infinity;
    for (const one of this.focused ? this.targets : []) {
      const [x, y] = [one.x - from.x, one.y - from.y];
      const along = x * right + y * downwards, aside = Math.abs(x * downwards + y * right);
      if (one === from || along <= 0 || aside > along) continue;
      const cost = along + 2 * aside;
      if (cost < least) [least, next] = [cost, one];
    }
    if (!next) return this.heard.textContent = "No further place this way.";
    this.focused = next;
    const at = this.pixel(next.x, next.y);
    if (!this.seen(at, -30)) this.look(next.x, next.y, this.zoom);
    this.show(this.lines(next), this.pixel(next.x, next.y));
    this.heard.textContent = this.lines(next).join(". ");
    this.draw();
  }

  // What lies at a spot: the places on top first.
  under([x, y], reach) {
    const found = [];
    for (const one of this.targets) {
      if (one.country) continue;
      const [left, top] = this.pixel(one.x, one.y), far = Math.hypot(left - x, top - y);
      if (far <= Math.max(this.radius(one), reach)) found.push({ one, far: Math.max(far - this.radius(one), 0) });
    }
    if (found.length) {
      const least = Math.min(...found.map(({ far }) => far));
      return found.filter(({ far }) => far <= least + 0.5).map(({ one }) => one).reverse();
    }
    const spot = [this.centre[0] + (x - this.width / 2) / this.scale, this.centre[1] + (y - this.height / 2) / this.scale];
    const turned = ((spot[0] % 1) + 1) % 1;
    return this.targets.filter(({ country }) => country && this.pen.isPointInPath(country.path, ...this.inside(country, turned, spot[1])));
  }

  // isPointInPath looks at the pixels of the canvas without its transformation.
  inside(country, x, y) { this.pen.setTransform(1, 0, 0, 1, 0, 0); return [x * UNIT, y * UNIT]; }

  hover(at, reach) {
    const found = this.under(at, reach), cell = found.length ? null : this.cell(at);
    this.canvas.style.cursor = found.length || cell ? "pointer" : "grab";
    if (found.length) this.show(this.lines(found[0], found.slice(1)), at);
    else if (cell) this.show(this.cellLines(cell), at);
    else this.hide();
  }

  click(at, reach) {
    const [one] = this.under(at, reach);
    if (one) this.tell("clicked", one.place);
    const cell = one ? null : this.cell(at);
    if (cell) this.show(this.cellLines(cell), at);
    else if (one) this.show(this.lines(one), at);
    if (cell) this.tell("cell", [cell.longitude, cell.latitude]);
  }

  amount(value, look) {
    const text = value.toLocaleString("en-US", { minimumFractionDigits: look.digits, maximumFractionDigits: look.digits });
    return `${text} ${look.unit}`;
  }

  said({ number, value }, look) {
    if (number < 0) return "no prediction";
    return this.amount(value, look) + (look.labels[number] ? `, ${look.labels[number]}` : "");
  }

  lines(one, others = []) {
    const look = this.data.look, told = [one.title, `${look.what}: ${this.said(one, look)}`];
    if (one.number >= 0 && Number.isFinite(one.lower)) told.push(`${look.interval}: ${this.amount(one.lower, look).split(" ")[0]} to ${this.amount(one.upper, look)}`);
    if (one.of) told.push(one.of);
    if (one.hollow) told.push("Outside what the model was trained on");
    if (one.monitor) told.push("This city trained the model");
    const known = others.filter((other) => other.number >= 0).map((other) => other.value);
    if (others.length) told.push(`${others.length} more here` + (known.length ? `, ${this.amount(Math.min(...known), look)} and more; zoom in` : ""));
    return told;
  }

  cellLines(cell) {
    const look = this.surface.look, half = (value, marks) => `${Math.abs(value).toFixed(2)}°${marks[value < 0 ? 1 : 0]}`;
    const told = [`${half(cell.latitude, "NS")} ${half(cell.longitude, "EW")}, modelled`, `${look.what}: ${this.said(cell, look)}`];
    if (Number.isFinite(cell.lower)) told.push(`${look.interval}: ${cell.lower.toFixed(1)} to ${this.amount(cell.upper, look)}`);
    if (cell.outside) told.push("Outside what the model was trained on");
    return told;
  }

  // Words beside a spot, inside the frame.
  show([title, ...lines], [x, y]) {
    this.tooltip.replaceChildren();
    node("b", this.tooltip, {}, title);
    for (const line of lines) node("div", this.tooltip, {}, line);
    this.tooltip.hidden = false;
    const { offsetWidth: width, offsetHeight: height } = this.tooltip;
    const beside = x + 14 + width < this.width ? x + 14 : x - 14 - width;
    this.tooltip.style.left = `${clamp(beside, 4, Math.max(this.width - width - 4, 4))}px`;
    this.tooltip.style.top = `${clamp(y + 14 + height < this.height ? y + 14 : y - 14 - height, 4, Math.max(this.height - height - 4, 4))}px`;
  }

  hide() { this.tooltip.hidden = true; }

  draw() {
    if (this.waiting || !this.centre || !this.width) return;
    this.waiting = requestAnimationFrame(() => { this.waiting = null; this.paint(this.pen, this.ratio); });
  }

  close() {
    clearInterval(this.clock);
    this.observer.disconnect();
    document.removeEventListener("scroll", this.scrolled, { capture: true });
  }
}

export default function (component) {
  const root = component.parentElement;
  const map = (root.airqMap ??= new WorldMap(root));
  map.update(component);
  return () => setTimeout(() => { if (!map.frame.isConnected) { map.close(); delete root.airqMap; } });
}
