import { svelte } from "@sveltejs/vite-plugin-svelte";
import { svelteTesting } from "@testing-library/svelte/vite";
import { defineConfig } from "vitest/config";

export default defineConfig({
	plugins: [svelte(), svelteTesting()],
	clearScreen: false,
	server: { host: "127.0.0.1", port: 1420, strictPort: true },
	preview: { host: "127.0.0.1", port: 1421, strictPort: true },
	build: {
		// The content security policy allows no data: addresses and no inline scripts.
		assetsInlineLimit: 0,
		modulePreload: { polyfill: false },
		reportCompressedSize: false,
	},
	test: {
		environment: "happy-dom",
		environmentOptions: { happyDOM: { width: 1440, height: 900 } },
		include: ["src/**/*.test.ts"],
		setupFiles: ["src/test-setup.ts"],
		env: { TZ: "Europe/Berlin" },
	},
});
