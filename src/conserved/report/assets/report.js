/* Draws the plots of a report from the numbers in it. Without it, the tables tell them. */
(() => {
  "use strict";

  const plots = JSON.parse(document.getElementById("plot-data").textContent);
  document
    .querySelectorAll("figure[data-plot]")
    .forEach((figure) => new charts.Chart(figure, plots[Number(figure.dataset.plot)]));
})();
