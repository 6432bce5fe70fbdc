/* Draws the plots of a report from the numbers in it: zoom, hover, keys. Without it, the tables do. */
(() => {
  "use strict";

  const plots = JSON.parse(document.getElementById("plot-data").textContent);
  const root = document.documentElement;
  const drawn = []; // one {plot, u, redraw} for each figure

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
    const whole = places.filter((v) => Math.log10(v) % 1 === 0).length > 1;
    return places.map((v) => (Math.log10(v) % 1 === 0 ? power(Math.log10(v)) : whole ? "" : number(v)));
  };
  const linearTicks = (u, places) => places.map(number);

  // What is constant looks constant: rounding noise is never blown up to the height of the plot.
  const flat = (u, min, max) => {
    if (min == null) return [0, 1];
    const least = 0.1 * Math.max(Math.abs(min), Math.abs(max)) || 1;
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

  function curve(plot, figure, i) {
    const sample = figure.querySelectorAll(".legend line")[i];
    const dash = (sample.getAttribute("stroke-dasharray") || "").split(" ").filter(Boolean).map(Number);
    const stroke = getComputedStyle(sample).stroke;
    const points = plot.styles[i] === "points";
    return {
      label: plot.labels[i],
      stroke,
      dash: dash.length ? dash : undefined,
      width: plot.styles[i] === "guide" ? 1 : 1.8,
      points: { show: points, size: 7, fill: stroke, stroke },
      show: figure.querySelectorAll(".legend button")[i].getAttribute("aria-pressed") === "true",
    };
  }

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

  function draw(plot, figure, width) {
    const canvas = figure.querySelector(".canvas");
    const outputs = [...figure.querySelectorAll(".legend output")];
    const shown = figure.querySelector(".shown");
    const whole = [plot.x[0], plot.x[plot.x.length - 1]];
    const u = new uPlot(
      {
        width,
        height: Math.round(Math.max(200, Math.min(300, width * 0.5))),
        legend: { show: false },
        cursor: { drag: { x: true, y: false, dist: 4 }, points: { size: 8 } },
        scales: {
          x: { time: false, distr: plot.logX ? 3 : 1, log: 10, range: (u, min, max) => [min, max] },
          y: { distr: plot.logY ? 3 : 1, log: 10, range: plot.logY ? decades : flat },
        },
        axes: [axis(plot.xLabel, plot.logX, 36), axis(plot.yLabel, plot.logY, 58)],
        series: [{ label: plot.xLabel }, ...plot.labels.map((_, i) => curve(plot, figure, i))],
        hooks: {
          setCursor: [
            (u) => {
              const i = u.cursor.idx;
              outputs.forEach((o, k) => (o.textContent = i == null ? "" : number(plot.y[k][i])));
              if (i == null) return;
              const values = plot.labels.map((label, k) => `${label} ${number(plot.y[k][i])}`);
              canvas.setAttribute("aria-valuenow", i);
              canvas.setAttribute("aria-valuetext", `${plot.xLabel} ${number(plot.x[i])}: ${values.join(", ")}`);
              shown.textContent = `at ${plot.xLabel} ${number(plot.x[i])}`;
            },
          ],
          setScale: [
            (u, key) => {
              if (key !== "x") return;
              const { min, max } = u.scales.x;
              canvas.dataset.range = `${min} ${max}`;
              const zoomed = min > whole[0] || max < whole[1];
              figure.querySelector("[data-zoom=reset]").disabled = !zoomed;
              shown.textContent = `${plot.xLabel} ${number(min)} to ${number(max)}`;
            },
          ],
        },
      },
      [plot.x, ...plot.y],
      canvas,
    );
    return u;
  }

  // Zoom about the cursor, or the middle; a factor below 1 shows less.
  function zoom(plot, u, factor) {
    const to = plot.logX ? Math.log : (v) => v;
    const from = plot.logX ? Math.exp : (v) => v;
    const ends = [to(plot.x[0]), to(plot.x[plot.x.length - 1])];
    let [min, max] = ends;
    if (factor) {
      const [low, high] = [to(u.scales.x.min), to(u.scales.x.max)];
      const about = u.cursor.idx == null ? (low + high) / 2 : to(plot.x[u.cursor.idx]);
      min = Math.max(ends[0], about - (about - low) * factor);
      max = Math.min(ends[1], about + (high - about) * factor);
      if (!(max > min)) return;
    }
    const exact = min === ends[0] && max === ends[1];
    u.setScale("x", exact ? { min: plot.x[0], max: plot.x[plot.x.length - 1] } : { min: from(min), max: from(max) });
  }

  function point(plot, u, i) {
    const last = plot.x.length - 1;
    const idx = Math.max(0, Math.min(last, i));
    u.setCursor({ left: u.valToPos(plot.x[idx], "x"), top: u.over.clientHeight / 2 });
  }

  function steer(plot, item, event) {
    const u = item.u;
    const here = u.cursor.idx ?? 0;
    const stride = event.shiftKey ? 10 : 1;
    const act = {
      ArrowLeft: () => point(plot, u, here - stride),
      ArrowDown: () => point(plot, u, here - stride),
      ArrowRight: () => point(plot, u, here + stride),
      ArrowUp: () => point(plot, u, here + stride),
      Home: () => point(plot, u, 0),
      End: () => point(plot, u, plot.x.length - 1),
      "+": () => zoom(plot, u, 0.5),
      "=": () => zoom(plot, u, 0.5),
      "-": () => zoom(plot, u, 2),
      0: () => zoom(plot, u, 0),
      Escape: () => zoom(plot, u, 0),
    }[event.key];
    if (act && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      act();
    }
  }

  function set(figure) {
    const canvas = figure.querySelector(".canvas");
    const plot = plots[Number(figure.dataset.plot)];
    const item = { u: null };
    let wide = 0;
    item.redraw = (width) => {
      wide = width || canvas.clientWidth;
      if (item.u) item.u.destroy();
      item.u = draw(plot, figure, wide);
    };
    figure.classList.add("live");
    item.redraw();
    drawn.push(item);
    canvas.addEventListener("keydown", (event) => steer(plot, item, event));
    figure.querySelectorAll(".legend button").forEach((button, i) =>
      button.addEventListener("click", () => {
        const on = button.getAttribute("aria-pressed") !== "true";
        button.setAttribute("aria-pressed", on);
        item.u.setSeries(i + 1, { show: on });
      }),
    );
    const factors = { in: 0.5, out: 2, reset: 0 };
    figure.querySelectorAll("[data-zoom]").forEach((button) =>
      button.addEventListener("click", () => zoom(plot, item.u, factors[button.dataset.zoom])),
    );
    new ResizeObserver(() => {
      if (!root.classList.contains("paper") && canvas.clientWidth !== wide) item.redraw();
    }).observe(canvas);
  }

  document.querySelectorAll("figure[data-plot]").forEach(set);

  const all = (width) => drawn.forEach((item) => item.redraw(width));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => all());
  addEventListener("beforeprint", () => {
    root.classList.add("paper");
    all(620);
  });
  addEventListener("afterprint", () => {
    root.classList.remove("paper");
    all();
  });
})();
