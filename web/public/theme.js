// Runs before the first paint so that a chosen theme never flashes; a file of its own because inline scripts are forbidden.
try {
  const chosen = localStorage.getItem("theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // Storage may be forbidden: the system's theme holds.
}
