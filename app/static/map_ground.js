// The ground of a map: Mercator's projection, the part that is seen, land, tiles and a surface.
// It asks for files of this server only, and for tiles of the one server that the user of the app named.

const TILE = 256, UNIT = 4096, NORTHMOST = 85.0511, NEAREST = 12;
const VIEW = "view"; // What the address calls it.
const BAR = 52; // Width of the buttons at the right edge [px]

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const xOf = (longitude) => (longitude + 180) / 360;
const longitudeOf = (x) => ((((x % 1) + 1) % 1) * 360) - 180;
const latitudeOf = (y) => (360 / Math.PI) * Math.atan(Math.exp((0.5 - y) * 2 * Math.PI)) - 90;
function yOf(latitude) {
  const sine = Math.sin((clamp(latitude, -NORTHMOST, NORTHMOST) * Math.PI) / 180);
  return 0.5 - Math.log((1 + sine) / (1 - sine)) / (4 * Math.PI);
}
// The view that the address names: zoom, latitude and longitude.
function linkedView() {
  const [zoom, latitude, longitude] = (new URLSearchParams(location.search).get(VIEW) ?? "").split("_").map(Number);
  return [zoom, latitude, longitude].every(Number.isFinite) ? { x: xOf(longitude), y: yOf(latitude), zoom } : null;
}
function numbers(text, Kind) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new Kind(bytes.buffer);
}
function node(tag, parent, attributes = {}, text = "") {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.textContent = text;
  parent.append(made);
  return made;
}

class Country {
  constructor(feature) {
    this.id = feature.id;
    this.name = feature.properties.name;
    this.path = new Path2D();
    let most = 0;
    this.bounds = [9, 9, -9, -9];
    for (const polygon of feature.geometry.coordinates) {
      const ring = polygon.map((points) => this.trace(points))[0];
      const [west, north, east, south] = ring;
      this.bounds = [Math.min(this.bounds[0], west), Math.min(this.bounds[1], north),
        Math.max(this.bounds[2], east), Math.max(this.bounds[3], south)];
      if ((east - west) * (south - north) >= most) {
        most = (east - west) * (south - north);
        [this.x, this.y, this.wide] = [ring[4], ring[5], east - west];
      }
    }
  }

  // Add a ring to the path; returns its box and its centroid.
  trace(points) {
    const box = [9, 9, -9, -9];
    let area = 0, x = 0, y = 0, before = null;
    points.forEach(([longitude, latitude], at) => {
      const here = [xOf(longitude), yOf(latitude)];
      if (before) here[0] -= Math.round(here[0] - before[0]); // Goes on across 180°.
      this.path[at ? "lineTo" : "moveTo"](here[0] * UNIT, here[1] * UNIT);
      box[0] = Math.min(box[0], here[0]); box[1] = Math.min(box[1], here[1]);
      box[2] = Math.max(box[2], here[0]); box[3] = Math.max(box[3], here[1]);
      if (before) {
        const cross = before[0] * here[1] - here[0] * before[1];
        area += cross; x += (before[0] + here[0]) * cross; y += (before[1] + here[1]) * cross;
      }
      before = here;
    });
    this.path.closePath();
    return [...box, area ? x / (3 * area) : box[0], area ? y / (3 * area) : box[1]];
  }
}

class Ground {
  async readSurface(surface) {
    this.surface ??= { ...surface, cells: null };
    if (this.surface.cells && this.surface.png === surface.png && `${this.surface.look.colours}` === `${surface.look.colours}`) {
      this.surface.look = surface.look;
      return this.draw();
    }
    const blob = await (await fetch(`data:image/png;base64,${surface.png}`)).blob();
    const picture = await createImageBitmap(blob, { premultiplyAlpha: "none", colorSpaceConversion: "none" });
    if (this.data.surface !== surface) return;
    const pen = new OffscreenCanvas(picture.width, picture.height).getContext("2d");
    pen.drawImage(picture, 0, 0);
    const { width, height } = surface;
    const cells = pen.getImageData(0, 0, picture.width, picture.height).data;
    let hatched = 0;
    const [paint, mask] = [new ImageData(width, height), new ImageData(width, height)];
    for (let at = 0; at < width * height; at++) {
      const code = cells[4 * at + 2], number = (code & 127) - 1;
      if (number < 0) continue;
      const colour = parseInt(surface.look.colours[number].slice(1), 16);
      paint.data.set([colour >> 16, (colour >> 8) & 255, colour & 255, 255], 4 * at);
      if (code & 128) hatched = mask.data[4 * at + 3] = 255;
    }
    const [sheet, holes] = [paint, mask].map((image) => {
      const canvas = new OffscreenCanvas(width, height);
      canvas.getContext("2d").putImageData(image, 0, 0);
      return canvas;
    });
    this.surface = { ...surface, cells, sheet, holes, hatched };
    this.draw();
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.frame;
    if (!width || !this.data) return;
    const ratio = window.devicePixelRatio || 1;
    if (this.canvas.width !== Math.round(width * ratio)) this.canvas.width = Math.round(width * ratio);
    if (this.canvas.height !== Math.round(height * ratio)) this.canvas.height = Math.round(height * ratio);
    [this.width, this.height, this.ratio] = [width, height, ratio];
    if (!this.centre || !this.moved) {
      const left = views[this.seat] ?? linkedView();
      if (left) this.look(left.x, left.y, left.zoom); else this.fit();
    }
    this.draw();
  }

  // The part to see: a centre in the projection, and a zoom at which the world is 256 · 2^zoom pixels wide.
  look(x, y, zoom) {
    this.zoom = clamp(zoom, Math.log2(Math.min(this.width, this.height) / TILE) - 0.3, NEAREST);
    this.scale = TILE * 2 ** this.zoom;
    const half = this.height / 2 / this.scale;
    this.centre = [((x % 1) + 1) % 1, half < 0.5 ? clamp(y, half, 1 - half) : 0.5];
    this.moved = true;
    views[this.seat] = { x: this.centre[0], y: this.centre[1], zoom: this.zoom };
    this.draw();
  }

  fit() {
    const [[west, east], [south, north]] = this.data.range;
    const [top, bottom] = [yOf(north), yOf(south)];
    // What is shown lies beside the buttons, not under them.
    const scale = Math.min((this.width - BAR) / ((east - west) / 360), this.height / (bottom - top));
    this.look(xOf((west + east) / 2) + BAR / 2 / scale, (top + bottom) / 2, Math.log2(scale / TILE));
    this.moved = false;
    delete views[this.seat];
  }

  // Tell the address where the map was moved to. The server writes the address as well, at times without this.
  note() {
    if (!this.frame.isConnected || !this.centre) return;
    const here = new URL(location.href), told = here.searchParams.get(VIEW);
    const view = views[this.seat] && [this.zoom.toFixed(2), latitudeOf(this.centre[1]).toFixed(4), longitudeOf(this.centre[0]).toFixed(4)].join("_");
    if ((view ?? null) === told) return;
    if (view) here.searchParams.set(VIEW, view); else here.searchParams.delete(VIEW);
    history.replaceState(history.state, "", here);
  }

  zoomBy(steps, at = [this.width / 2, this.height / 2]) {
    const zoom = clamp(this.zoom + steps, 0, NEAREST), scale = TILE * 2 ** zoom;
    const held = (axis, size) => this.centre[axis] + (at[axis] - size / 2) * (1 / this.scale - 1 / scale);
    this.hide();
    this.look(held(0, this.width), held(1, this.height), zoom);
  }

  moveBy(x, y) { this.look(this.centre[0] - x / this.scale, this.centre[1] - y / this.scale, this.zoom); }

  // Pixels of a place; of all copies of the world the one nearest to the middle.
  pixel(x, y) {
    const aside = x - this.centre[0];
    return [(aside - Math.round(aside)) * this.scale + this.width / 2, (y - this.centre[1]) * this.scale + this.height / 2];
  }

  seen([x, y], margin = 0) { return x > -margin && y > -margin && x < this.width + margin && y < this.height + margin; }

  cell([x, y]) {
    const grid = this.surface;
    if (!grid?.cells) return null;
    const longitude = longitudeOf(this.centre[0] + (x - this.width / 2) / this.scale);
    const latitude = latitudeOf(this.centre[1] + (y - this.height / 2) / this.scale);
    const column = Math.floor(((((longitude - grid.west) % 360) + 360) % 360) / grid.step_x), row = Math.floor((grid.north - latitude) / grid.step_y);
    if (row < 0 || row >= grid.height || column >= grid.width) return null;
    const read = (part) => {
      const at = 4 * ((part * grid.height + row) * grid.width + column);
      const number = grid.cells[at] * 256 + grid.cells[at + 1];
      return grid.cells[at + 2] ? number / 10 : NaN;
    };
    const code = grid.cells[4 * (row * grid.width + column) + 2];
    if (!code) return null;
    const [lower, upper] = grid.parts === 3 ? [read(1), read(2)] : [NaN, NaN];
    return { number: (code & 127) - 1, value: read(0), lower, upper, outside: code & 128, longitude, latitude };
  }

  // Draw with the unit of the outlines, for every copy of the world that is seen.
  copies(pen, ratio, act) {
    const first = Math.floor(this.centre[0] - this.width / 2 / this.scale), last = Math.floor(this.centre[0] + this.width / 2 / this.scale);
    for (let copy = first - 1; copy <= last + 1; copy++) {
      const [left, top] = [(copy - this.centre[0]) * this.scale + this.width / 2, this.height / 2 - this.centre[1] * this.scale];
      const step = (this.scale / UNIT) * ratio;
      pen.setTransform(step, 0, 0, step, left * ratio, top * ratio);
      pen.lineWidth = (0.8 * UNIT) / this.scale;
      const [west, north] = [-left / this.scale, -top / this.scale];
      const [east, south] = [west + this.width / this.scale, north + this.height / this.scale];
      for (const country of this.countries) {
        const [a, b, c, d] = country.bounds;
        if (a < east && c > west && b < south && d > north) act(country);
      }
    }
  }

  paintLand(pen, ratio, colour) {
    this.copies(pen, ratio, (country) => { if ((pen.fillStyle = colour(country) ?? "transparent") !== "transparent") pen.fill(country.path); });
  }

  paintBorders(pen, ratio) {
    pen.strokeStyle = this.data.tone.border;
    if (!this.data.basemap || this.areas.size) this.copies(pen, ratio, (country) => pen.stroke(country.path));
    const chosen = this.data.chosen?.place;
    if (this.areas.size) this.copies(pen, ratio, (country) => {
      if (this.areas.get(country.id)?.place !== chosen) return;
      [pen.strokeStyle, pen.lineWidth] = [this.data.tone.line, (3.5 * UNIT) / this.scale];
      pen.stroke(country.path);
    });
  }

  paintTiles(pen, template) {
    const zoom = clamp(Math.round(this.zoom), 0, 19), count = 2 ** zoom, size = this.scale / count;
    const [left, top] = [this.centre[0] * this.scale - this.width / 2, this.centre[1] * this.scale - this.height / 2];
    for (let x = Math.floor(left / size); x * size < left + this.width; x++) {
      for (let y = Math.max(Math.floor(top / size), 0); y < count && y * size < top + this.height; y++) {
        const tile = this.tile(template, zoom, ((x % count) + count) % count, y);
        if (tile.complete && tile.naturalWidth) pen.drawImage(tile, x * size - left, y * size - top, size + 0.5, size + 0.5);
      }
    }
  }

  tile(template, zoom, x, y) {
    const address = template.replace("{z}", zoom).replace("{x}", x).replace("{y}", y);
    if (!this.tiles.has(address)) {
      if (this.tiles.size > 400) this.tiles.delete(this.tiles.keys().next().value);
      const tile = new Image();
      tile.onload = () => this.draw();
      tile.onerror = () => this.say("The tile server does not answer; the map goes on without some of its tiles.");
      tile.src = address;
      this.tiles.set(address, tile);
    }
    return this.tiles.get(address);
  }

  paintSurface(pen, ratio) {
    pen.setTransform(1, 0, 0, 1, 0, 0);
    this.strips(pen, this.surface.sheet, ratio);
    pen.imageSmoothingEnabled = true;
    if (!this.surface.hatched) return;
    const veil = new OffscreenCanvas(this.canvas.width, this.canvas.height), cover = veil.getContext("2d");
    this.strips(cover, this.surface.holes, ratio);
    cover.globalCompositeOperation = "source-in";
    cover.fillStyle = cover.createPattern(this.hatch(ratio), "repeat");
    cover.fillRect(0, 0, veil.width, veil.height);
    pen.drawImage(veil, 0, 0);
  }

  // Rows of a grid in degrees, each at its own height in the projection, cells sharp.
  strips(pen, sheet, ratio) {
    const { west, north, step_x, step_y, width, height } = this.surface;
    pen.imageSmoothingEnabled = false;
    const span = Math.round(((step_x * width) / 360) * this.scale * ratio);
    const corner = (latitude) => Math.round(((yOf(latitude) - this.centre[1]) * this.scale + this.height / 2) * ratio);
    for (const copy of [-1, 0, 1]) {
      const left = Math.round(((xOf(west) + copy - this.centre[0]) * this.scale + this.width / 2) * ratio);
      if (left > this.canvas.width || left + span < 0) continue;
      for (let row = 0; row < height; row++) {
        const [top, bottom] = [corner(north - row * step_y), corner(north - (row + 1) * step_y)];
        if (bottom > 0 && top < this.canvas.height && bottom > top) pen.drawImage(sheet, 0, row, width, 1, left, top, span, bottom - top);
      }
    }
  }

  hatch(ratio) {
    const side = Math.round(7 * ratio), tile = new OffscreenCanvas(side, side), pen = tile.getContext("2d");
    for (const [colour, width] of [["#ffffff", 2.6], ["#333333", 1.2]]) {
      [pen.strokeStyle, pen.lineWidth] = [colour, width * ratio];
      pen.beginPath();
      for (const at of [-side, 0, side]) { pen.moveTo(at - 2, side + 2); pen.lineTo(at + side + 2, -2); }
      pen.stroke();
    }
    return tile;
  }
}
