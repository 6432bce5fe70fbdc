/* One figure with curves: zoom, hover, keys, dark and paper. A curve may be a band from low to high. */
const charts = (() => {
  "use strict";

  const root = document.documentElement;
  const drawn = new Set();

  const SUPER = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };
  const power = (n) => "10" + String(n).replace(/./g, (c) => SUPER[c]);
  const number = (v) => {
    if (v == null) return "–";
    const size = Math.abs(v);
    if (size === 0 || (size >= 1e-3 && size < 1e6)) return String(Number(v.toPrecision(6))).replace("-", "−");
    const [head, exponent] = v.toExponential(2).split("e");
    return head.replace("-", "−") + "·" + power(Number(exponent));
  };

  // A logarithmic axis has its powers of ten, as many as there is room for, or 1, 2, 5 of each.
  const logPlaces = (u, axisIdx, min, max) => {
    const [low, high] = [Math.log10(min), Math.log10(max)];
    const stride = Math.max(1, Math.ceil((high - low) / (u.axes[axisIdx].side === 2 ? 6 : 7)));
    const steps = high - low < 1 ? [1, 2, 3, 4, 6, 8] : high - low < 2.5 ? [1, 2, 5] : [1];
    const places = [];
    for (let n = Math.ceil((Math.floor(low) - 1) / stride) * stride; n <= high; n += stride)
      for (const step of steps) {
        const v = Number(`${step}e${n}`);
        if (v >= min * (1 - 1e-9) && v <= max * (1 + 1e-9)) places.push(v);
      }
    return places;
  };
  const logTicks = (u, places) => {
    const whole = (v) => Math.log10(v) % 1 === 0;
    if (places.filter(whole).length < 2) return places.map(number);
    return places.map((v) => (whole(v) ? power(Math.log10(v)) : ""));
  };
  const linearTicks = (u, places) => places.map(number);

  // What is constant looks constant: rounding noise is never blown up to the height of the plot.
  const flat = (floor) => (u, min, max) => {
    if (min == null) return [0, 1];
    const least = Math.max(0.1 * Math.max(Math.abs(min), Math.abs(max)), floor || 0) || 1;
    const half = 0.54 * Math.max(max - min, least);
    const middle = (min + max) / 2;
    return [middle - half, middle + half];
  };
  const decades = (u, min, max) => {
    if (min == null) return [0.1, 1];
    const low = Math.floor(Math.log10(min) + 1e-9);
    const high = Math.ceil(Math.log10(max) - 1e-9);
    return [10 ** low, 10 ** Math.max(high, low + 1)];
  };

  const shade = (name) => getComputedStyle(root).getPropertyValue(name).trim();

  function axis(label, log, size) {
    const font = "12px system-ui, sans-serif";
    return {
      label,
      labelSize: 22,
      labelFont: font,
      font,
      size,
      stroke: shade("--muted"),
      grid: { stroke: shade("--rule"), width: 1 },
      ticks: { stroke: shade("--rule"), width: 1, size: 5 },
      values: log ? logTicks : linearTicks,
      ...(log ? { splits: logPlaces, filter: (u, places) => places } : {}),
    };
  }

  /* A plot is {x, y, low?, labels, styles, xLabel, yLabel, logX, logY, whole?, least?, marks?}: y and low
     hold one list for each curve, whole the ends of x where x has only a part of it, marks places on x. */
  class Chart {
    constructor(figure, plot, zoomed = () => {}) {
      this.figure = figure;
      this.canvas = figure.querySelector(".canvas");
      this.zoomed = zoomed;
      this.plot = plot;
      this.wide = 0;
      this.quiet = false;
      figure.classList.add("live");
      this.redraw();
      drawn.add(this);
      this.listen();
    }

    listen() {
      const end = (this.end = new AbortController());
      const on = (target, kind, act) => target.addEventListener(kind, act, { signal: end.signal });
      on(this.canvas, "keydown", (event) => this.steer(event));
      on(this.canvas, "dblclick", () => this.zoom(0));
      this.figure.querySelectorAll(".legend button").forEach((button, i) =>
        on(button, "click", () => {
          const shown = button.getAttribute("aria-pressed") !== "true";
          button.setAttribute("aria-pressed", shown);
          for (const k of this.places(i)) this.u.setSeries(k, { show: shown });
        }),
      );
      const factors = { in: 0.5, out: 2, reset: 0 };
      this.figure.querySelectorAll("[data-zoom]").forEach((button) =>
        on(button, "click", () => this.zoom(factors[button.dataset.zoom])),
      );
      this.observer = new ResizeObserver(() => {
        if (!root.classList.contains("paper") && this.canvas.clientWidth !== this.wide) this.redraw();
      });
      this.observer.observe(this.canvas);
    }

    remove() {
      this.end.abort();
      this.observer.disconnect();
      this.u.destroy();
      drawn.delete(this);
    }

    get whole() {
      const { x, whole } = this.plot;
      return whole || [x[0], x[x.length - 1]];
    }

    get all() {
      const { min, max } = this.u.scales.x;
      return min <= this.whole[0] && max >= this.whole[1];
    }

    // Where curve i stands among the series: its upper edge, then its lower one.
    places(i) {
      return this.plot.low ? [2 * i + 1, 2 * i + 2] : [i + 1];
    }

    curve(i) {
      const sample = this.figure.querySelectorAll(".legend line")[i];
      const dash = (sample.getAttribute("stroke-dasharray") || "").split(" ").filter(Boolean).map(Number);
      const stroke = getComputedStyle(sample).stroke;
      const points = this.plot.styles[i] === "points";
      const button = sample.closest("button");
      return {
        label: this.plot.labels[i],
        stroke,
        dash: dash.length ? dash : undefined,
        width: this.plot.styles[i] === "guide" ? 1 : 1.8,
        points: { show: points, size: 7, fill: stroke, stroke },
        show: !button || button.getAttribute("aria-pressed") !== "false",
      };
    }

    data() {
      const { x, y, low } = this.plot;
      return [x, ...(low ? y.flatMap((high, i) => [high, low[i]]) : y)];
    }

    redraw(width) {
      const kept = this.u && !this.all ? { ...this.u.scales.x } : null;
      this.wide = width || this.canvas.clientWidth;
      if (this.u) this.u.destroy();
      this.quietly(() => {
        this.u = this.draw();
        if (kept) this.u.setScale("x", { min: kept.min, max: kept.max });
      });
    }

    quietly(act) {
      this.quiet = true;
      act();
      this.quiet = false;
    }

    // New numbers for the same curves; what is zoomed in on stays.
    set(plot) {
      const kept = this.all ? null : { min: this.u.scales.x.min, max: this.u.scales.x.max };
      this.plot = plot;
      const [min, max] = this.whole;
      this.quietly(() =>
        this.u.batch(() => {
          this.u.setData(this.data(), false);
          this.u.setScale("x", kept || { min, max });
        }),
      );
    }

    // Show a part, as if it had been zoomed to.
    range([min, max]) {
      this.quietly(() => this.u.setScale("x", { min, max }));
    }

    read(i) {
      const { plot } = this;
      return plot.labels.map((_, k) => {
        const [high, low] = [plot.y[k][i], plot.low ? plot.low[k][i] : plot.y[k][i]];
        return high === low ? number(high) : `${number(low)} … ${number(high)}`;
      });
    }

    draw() {
      const { plot, canvas, figure } = this;
      const outputs = [...figure.querySelectorAll(".legend output")];
      const shown = figure.querySelector(".shown");
      const curves = plot.labels.map((_, i) => this.curve(i));
      const series = curves.flatMap((curve, i) => (plot.low ? [curve, { ...curve, width: curve.width / 2 }] : [curve]));
      const bands = plot.low
        ? curves.map((curve, i) => ({ series: this.places(i), fill: faint(curve.stroke) }))
        : undefined;
      return new uPlot(
        {
          width: this.wide,
          height: Math.round(Math.max(200, Math.min(300, this.wide * 0.5))),
          legend: { show: false },
          cursor: { drag: { x: true, y: false, dist: 4 }, points: { size: 8 }, bind: { dblclick: () => null } },
          scales: {
            x: {
              time: false,
              distr: plot.logX ? 3 : 1,
              log: 10,
              range: (u, min, max) => (max > min ? [min, max] : [min - 1, max + 1]),
            },
            y: { distr: plot.logY ? 3 : 1, log: 10, range: plot.logY ? decades : flat(plot.least) },
          },
          axes: [axis(plot.xLabel, plot.logX, 36), axis(plot.yLabel, plot.logY, 58)],
          series: [{ label: plot.xLabel }, ...series],
          bands,
          hooks: {
            drawAxes: [(u) => this.mark(u)],
            setCursor: [
              (u) => {
                const i = u.cursor.idx;
                const values = i == null ? [] : this.read(i);
                outputs.forEach((output, k) => (output.textContent = values[k] ?? ""));
                if (i == null) return;
                const { labels, xLabel, x } = this.plot;
                canvas.setAttribute("aria-valuenow", i);
                const words = labels.map((label, k) => `${label} ${values[k]}`);
                canvas.setAttribute("aria-valuetext", `${xLabel} ${number(x[i])}: ${words.join(", ")}`);
                shown.textContent = `at ${xLabel} ${number(x[i])}`;
              },
            ],
            setScale: [
              (u, key) => {
                if (key !== "x") return;
                const { min, max } = u.scales.x;
                const [first, last] = this.whole;
                canvas.dataset.range = `${min} ${max}`;
                canvas.setAttribute("aria-valuemax", this.plot.x.length - 1);
                const part = min > first || max < last;
                figure.querySelector("[data-zoom=reset]").disabled = !part;
                shown.textContent = `${this.plot.xLabel} ${number(min)} to ${number(max)}`;
                if (!this.quiet) this.zoomed(part ? [min, max] : null);
              },
            ],
          },
        },
        this.data(),
        canvas,
      );
    }

    // Upright lines, where something happened.
    mark(u) {
      const { ctx, bbox } = u;
      ctx.save();
      ctx.strokeStyle = shade("--unsure");
      ctx.setLineDash([4, 4]);
      ctx.beginPath();
      for (const x of this.plot.marks || []) {
        const left = Math.round(u.valToPos(x, "x", true)) + 0.5;
        if (left < bbox.left || left > bbox.left + bbox.width) continue;
        ctx.moveTo(left, bbox.top);
        ctx.lineTo(left, bbox.top + bbox.height);
      }
      ctx.stroke();
      ctx.restore();
    }

    // Zoom about the cursor, or the middle; a factor below 1 shows less, 0 shows all.
    zoom(factor) {
      const { plot, u } = this;
      const to = plot.logX ? Math.log : (v) => v;
      const from = plot.logX ? Math.exp : (v) => v;
      const ends = this.whole.map(to);
      let [min, max] = ends;
      if (factor) {
        const [low, high] = [to(u.scales.x.min), to(u.scales.x.max)];
        const about = u.cursor.idx == null ? (low + high) / 2 : to(plot.x[u.cursor.idx]);
        min = Math.max(ends[0], about - (about - low) * factor);
        max = Math.min(ends[1], about + (high - about) * factor);
        if (!(max > min)) return;
      }
      const exact = min === ends[0] && max === ends[1];
      const [first, last] = this.whole;
      u.setScale("x", exact ? { min: first, max: last } : { min: from(min), max: from(max) });
    }

    // To place i, or the nearest that is shown.
    point(i) {
      const { plot, u } = this;
      const { min, max } = u.scales.x;
      const inside = plot.x.map((x, k) => (x >= min && x <= max ? k : -1)).filter((k) => k >= 0);
      if (!inside.length) return;
      const idx = Math.max(inside[0], Math.min(inside[inside.length - 1], i));
      u.setCursor({ left: u.valToPos(plot.x[idx], "x"), top: u.over.clientHeight / 2 });
    }

    steer(event) {
      const here = this.u.cursor.idx ?? 0;
      const stride = event.shiftKey ? 10 : 1;
      const act = {
        ArrowLeft: () => this.point(here - stride),
        ArrowDown: () => this.point(here - stride),
        ArrowRight: () => this.point(here + stride),
        ArrowUp: () => this.point(here + stride),
        Home: () => this.point(0),
        End: () => this.point(this.plot.x.length - 1),
        "+": () => this.zoom(0.5),
        "=": () => this.zoom(0.5),
        "-": () => this.zoom(2),
        0: () => this.zoom(0),
        Escape: () => this.zoom(0),
      }[event.key];
      if (act && !event.ctrlKey && !event.metaKey && !event.altKey) {
        event.preventDefault();
        act();
      }
    }
  }

  // The same colour, nearly transparent.
  const faint = (colour) => colour.replace(/^rgb\((.*)\)$/, "rgba($1, 0.22)");

  const all = (width) => drawn.forEach((chart) => chart.redraw(width));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => all());
  addEventListener("beforeprint", () => {
    root.classList.add("paper");
    all(620);
  });
  addEventListener("afterprint", () => {
    root.classList.remove("paper");
    all();
  });

  return Object.freeze({ Chart, number, shade });
})();
