import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";

// Two entries: the console (index.html, served for every route of its own) and the driver's page (driver.html, served at
// /e/CODE). Nothing is inlined as data: so that `default-src 'self'` holds for fonts too.
export default defineConfig({
  base: "/",
  plugins: [svelte()],
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: { input: ["index.html", "driver.html"] },
  },
  server: { proxy: { "/api": { target: "http://127.0.0.1:8080", ws: true } } },
});
