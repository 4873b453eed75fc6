// What lies on the ground of a map: points, names that avoid each other, a ruler, and the picture to save.

const CELL = 48; // of the grid that finds what a name would cover [px]
const OVER_NAME = 2; // Most points that may lie over the name of a country.
const STEP = 4; // of a label from its point [px]

class Marks extends Ground {
  paint(pen, ratio) {
    const { tone, basemap } = this.data;
    this.drawn = ratio;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, this.width, this.height);
    pen.fillStyle = tone.sea;
    pen.fillRect(0, 0, this.width, this.height);
    this.spread();
    if (basemap) this.paintTiles(pen, basemap.url);
    this.paintLand(pen, ratio, (country) => this.areas.size && this.areas.has(country.id) ? this.data.look.colours[this.areas.get(country.id).number] : basemap ? null : tone.land);
    if (this.surface?.sheet) this.paintSurface(pen, ratio);
    this.paintBorders(pen, ratio);
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.taken = new Map();
    this.take([this.width - BAR, 0, this.width, 48 * BUTTONS.length]);
    for (const one of this.targets) if (!one.country) this.takePoint(one);
    if (!basemap) this.nameCountries(pen);
    for (const one of this.targets) if (!one.country) this.point(pen, one);
    if (this.me) this.dot(pen, this.pixel(...this.me), 6, "#1a73e8", "#ffffff");
    this.markChosen(pen);
    if (!basemap) this.nameCities(pen);
    this.ruler(pen);
    // What a test, and who writes a page around the map, may ask.
    this.frame.dataset.places = this.targets.length;
    this.frame.dataset.zoom = this.zoom.toFixed(3);
    this.frame.dataset.drawn = `${this.countries.length && this.names.name ? "all" : "part"}${this.data.surface && !this.surface?.sheet ? " but the surface" : ""}`;
  }

  // Larger points where they have room: the mean way from one to the next decides.
  spread() {
    const shown = this.targets.filter((one) => !one.country);
    if (!shown.length) return;
    const [[west, east], [south, north]] = this.data.range;
    const area = ((east - west) / 360) * (yOf(south) - yOf(north)) * this.scale ** 2;
    this.grow = clamp(Math.sqrt(area / shown.length) / 24, 0.4, 1.5);
  }

  radius(one) { return (one.size / 2) * this.grow; }

  dot(pen, [x, y], radius, fill, line, width = 2) {
    pen.beginPath();
    pen.arc(x, y, radius, 0, 2 * Math.PI);
    if (fill) { pen.fillStyle = fill; pen.fill(); }
    if (line) { pen.strokeStyle = line; pen.lineWidth = width; pen.stroke(); }
  }

  // A point is drawn once for every look that it can have, and copied from there.
  point(pen, one) {
    const at = this.pixel(one.x, one.y), radius = Math.round(this.radius(one) * 4) / 4, ratio = this.drawn;
    if (!this.seen(at, radius)) return;
    const look = [one.number, one.hollow, one.monitor, radius, ratio, this.surface ? 1 : 0].join();
    const half = radius + 4;
    if (!this.stamps.has(look)) {
      if (this.stamps.size > 2000) this.stamps.clear();
      const stamp = new OffscreenCanvas(2 * half * ratio, 2 * half * ratio), ink = stamp.getContext("2d");
      ink.scale(ratio, ratio);
      this.mark(ink, one, [half, half], radius);
      this.stamps.set(look, stamp.transferToImageBitmap());
    }
    const [left, top] = at.map((one) => Math.round((one - half) * ratio) / ratio);
    pen.drawImage(this.stamps.get(look), left, top, 2 * half, 2 * half);
    if (one === this.focused) this.dot(pen, at, radius + 5, null, this.data.tone.line, 3);
  }

  // Full, hollow where the model extrapolates, a cross without a prediction, dotted where it trained the model.
  mark(pen, one, at, radius) {
    const { look, tone } = this.data, thin = Math.min(this.grow, 1);
    if (one.number < 0) return this.cross(pen, at, radius * 0.7, tone.soft);
    if (one.hollow) {
      this.dot(pen, at, radius, null, tone.text, (2.4 + 1.4 * thin) * thin);
      this.dot(pen, at, radius, null, look.colours[one.number], 2.4 * thin);
    } else {
      const rim = this.surface ? { color: tone.text, width: 2 } : look.rims[one.number];
      this.dot(pen, at, radius, look.colours[one.number], rim.color, rim.width * thin ** 1.5);
    }
    if (one.monitor) this.dot(pen, at, Math.max(radius / 4, 1.3), tone.page, tone.text, 1);
  }

  takePoint(one) {
    const [x, y] = this.pixel(one.x, one.y), radius = this.radius(one);
    if (this.seen([x, y], radius)) this.take([x - radius, y - radius, x + radius, y + radius]);
  }

  cross(pen, [x, y], reach, colour) {
    [pen.strokeStyle, pen.lineWidth] = [colour, 1.5];
    pen.beginPath();
    pen.moveTo(x - reach, y - reach); pen.lineTo(x + reach, y + reach);
    pen.moveTo(x - reach, y + reach); pen.lineTo(x + reach, y - reach);
    pen.stroke();
  }

  // The point that is chosen, and where its name stands; null where it is not seen.
  labelled(pen) {
    const one = this.chosen();
    if (!one || one.country) return null;
    const [x, y] = this.pixel(one.x, one.y), radius = this.radius(one) + 5;
    if (!this.seen([x, y], radius)) return null;
    pen.font = `bold 16px ${this.data.tone.font}`;
    const half = pen.measureText(one.name).width / 2, left = clamp(x, half + 6, Math.max(this.width - BAR - half - 6, half + 6));
    const base = y - radius - 8 > 18 ? y - radius - 8 : y + radius + 20;
    return { one, at: [x, y], radius, left, base, box: [left - half - 2, base - 15, left + half + 2, base + 5] };
  }

  // The chosen place once more above all others, with a halo and its name.
  markChosen(pen) {
    const label = this.labelled(pen), { tone } = this.data;
    if (!label) return;
    this.dot(pen, label.at, label.radius + 2, tone.page, tone.page, 3);
    this.point(pen, label.one);
    this.dot(pen, label.at, label.radius, null, tone.line, 3.5);
    pen.font = `bold 16px ${tone.font}`;
    this.write(pen, label.one.name, label.left, label.base, tone.text, 5, "center");
  }

  write(pen, text, x, y, colour, halo, align) {
    [pen.textAlign, pen.lineJoin, pen.lineWidth] = [align, "round", halo];
    [pen.strokeStyle, pen.fillStyle] = [this.data.tone.page, colour];
    pen.strokeText(text, x, y);
    pen.fillText(text, x, y);
  }

  // Boxes that are taken already, in a grid of coarse cells.
  cellsOf([left, top, right, bottom]) {
    const found = [];
    for (let x = Math.floor(left / CELL); x <= right / CELL; x++) for (let y = Math.floor(top / CELL); y <= bottom / CELL; y++) found.push(x * 4096 + y);
    return found;
  }

  take(box) { for (const cell of this.cellsOf(box)) this.taken.get(cell)?.push(box) ?? this.taken.set(cell, [box]); }

  within([left, top, right, bottom]) { return left > 2 && top > 2 && right < this.width - 2 && bottom < this.height - 2; }

  // How much of what is taken a box would cover.
  covered([left, top, right, bottom]) {
    const found = new Set();
    for (const cell of this.cellsOf([left, top, right, bottom])) for (const box of this.taken.get(cell) ?? []) {
      const [a, b, c, d] = box;
      if (c > left && a < right && d > top && b < bottom) found.add(box);
    }
    return found.size;
  }

  free(box) { return this.within(box) && !this.covered(box); }

  widthOf(pen, text) {
    const key = `${pen.font} ${text}`;
    if (!this.widths.has(key)) this.widths.set(key, pen.measureText(text).width);
    return this.widths.get(key);
  }

  // Names of countries lie under the points, so that they bury none, and where the fewest lie over them.
  nameCountries(pen) {
    const { tone } = this.data, written = [this.labelled(pen)?.box].filter(Boolean);
    pen.font = `600 13px ${tone.font}`;
    for (const country of [...this.countries].sort((one, other) => other.wide - one.wide)) {
      const half = this.widthOf(pen, country.name) / 2, [x, y] = this.pixel(country.x, country.y);
      if (2 * half > 1.25 * country.wide * this.scale || !this.seen([x, y], 40)) continue;
      const spots = [0, -16, 16, -30, 30].map((up) => [x - half - 3, y + up - 9, x + half + 3, y + up + 9]);
      const clear = ([left, top, right, bottom]) => written.every(([a, b, c, d]) => c < left || a > right || d < top || b > bottom);
      const costs = spots.map((box) => this.within(box) && clear(box) ? this.covered(box) : Infinity);
      const least = Math.min(...costs);
      if (least > OVER_NAME) continue;
      const box = spots[costs.indexOf(least)];
      written.push(box);
      this.write(pen, country.name, x, box[1] + 13, tone.soft, 3, "center");
    }
    written.forEach((box) => this.take(box));
  }

  // Names of cities: those of the map and the bundled ones, the most populous first, where there is room.
  nameCities(pen) {
    const { tone } = this.data, least = 2500 / 2 ** (1.2 * (this.zoom - 3.4)), few = this.targets.length <= 40;
    const mine = this.targets.filter((one) => !one.country && one.place !== this.data.chosen?.place && (one.thousands >= least || few || this.zoom > 8))
      .map((one) => ({ ...one, radius: this.radius(one), mine: true }));
    const others = [];
    for (let at = 0; at < (this.names.name?.length ?? 0) && this.names.thousands[at] >= least; at++) {
      others.push({ name: this.names.name[at], x: xOf(this.names.longitude[at]), y: yOf(this.names.latitude[at]), thousands: this.names.thousands[at], radius: 2 });
    }
    const rank = (one) => -one.thousands - (one.mine ? 1e6 : 0);
    for (const one of [...mine, ...others].sort((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1))) this.nameCity(pen, one, tone);
  }

  nameCity(pen, one, tone) {
    const [x, y] = this.pixel(one.x, one.y);
    if (!this.seen([x, y]) || (!one.mine && !this.free([x - 3, y - 3, x + 3, y + 3]))) return;
    pen.font = `${one.mine ? "600 " : ""}12px ${tone.font}`;
    const width = this.widthOf(pen, one.name), away = one.radius + STEP;
    const spots = [[x + away, y + 4, "left"], [x - away, y + 4, "right"], [x, y - away, "center"], [x, y + away + 9, "center"]];
    for (const [left, base, align] of spots) {
      const start = { left, right: left - width, center: left - width / 2 }[align];
      const box = [start - 2, base - 11, start + width + 2, base + 4];
      if (!this.free(box)) continue;
      this.take(box);
      if (!one.mine) { this.take([x - 3, y - 3, x + 3, y + 3]); this.dot(pen, [x, y], 1.7, tone.soft); }
      return this.write(pen, one.name, left, base, one.mine ? tone.text : tone.soft, 3, align);
    }
  }

  ruler(pen) {
    const { tone } = this.data, metres = (40075 * Math.cos((latitudeOf(this.centre[1]) * Math.PI) / 180)) / this.scale;
    const most = 110 * metres, power = 10 ** Math.floor(Math.log10(most));
    const length = [5, 2, 1].find((one) => one * power <= most) * power, width = length / metres, base = this.height - 10;
    pen.font = `12px ${tone.font}`;
    for (const [colour, wide] of [[tone.page, 5], [tone.text, 2]]) {
      [pen.strokeStyle, pen.lineWidth] = [colour, wide];
      pen.beginPath();
      pen.moveTo(10, base - 5); pen.lineTo(10, base); pen.lineTo(10 + width, base); pen.lineTo(10 + width, base - 5);
      pen.stroke();
    }
    this.write(pen, `${length < 1 ? `${length * 1000} m` : `${length.toLocaleString("en-US")} km`}`, 14, base - 5, tone.text, 3, "left");
  }

  // A picture with its title, legend and origin inside.
  save() {
    const { tone, picture } = this.data, ratio = 2, line = 22, width = this.width;
    const words = [...picture.lines, ...(this.data.basemap ? [`Tiles: ${this.data.basemap.credit}`] : [])];
    const keys = picture.legend, height = this.height + line * (2.5 + keys.length + words.length * 2);
    const sheet = Object.assign(document.createElement("canvas"), { width: width * ratio, height: height * ratio }), pen = sheet.getContext("2d");
    const map = document.createElement("canvas");
    [map.width, map.height] = [width * ratio, this.height * ratio];
    const held = this.canvas;
    this.canvas = map;
    this.paint(map.getContext("2d"), ratio);
    this.canvas = held;
    pen.scale(ratio, ratio);
    pen.fillStyle = tone.page;
    pen.fillRect(0, 0, width, height);
    pen.drawImage(map, 0, line * 1.5, width, this.height);
    let y = line;
    const text = (said, left, bold) => {
      [pen.font, pen.fillStyle, pen.textAlign] = [`${bold ? "bold 17" : "14"}px ${tone.font}`, tone.text, "left"];
      let row = "";
      for (const word of said.split(" ")) {
        if (row && pen.measureText(`${row} ${word}`).width > width - left - 8) { pen.fillText(row, left, y); y += line * 0.85; row = word; } else row = row ? `${row} ${word}` : word;
      }
      pen.fillText(row, left, y);
      y += line;
    };
    text(picture.title, 8, true);
    y = this.height + line * 2.4;
    for (const key of keys) {
      if (key.colour) this.dot(pen, [16, y - 5], 7, key.colour, tone.soft, 1);
      text(key.words, key.colour ? 30 : 8);
    }
    for (const said of words) text(said, 8);
    try {
      sheet.toBlob((blob) => {
        const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: picture.file });
        link.click();
        setTimeout(() => URL.revokeObjectURL(link.href), 1000);
      });
    } catch { this.say("The tile server does not let pictures of its tiles be saved."); }
  }
}
