import { Remembered } from "../kit/remembered.svelte";

export type Theme = "system" | "light" | "dark";

/** Light, dark, or as the system has it. */
export class ThemeChoice {
	#chosen = new Remembered<Theme>("theme", "system");

	constructor() {
		this.#apply();
	}

	get chosen(): Theme {
		return this.#chosen.value;
	}

	set chosen(theme: Theme) {
		this.#chosen.value = theme;
		this.#apply();
	}

	#apply(): void {
		const root = document.documentElement;
		if (this.#chosen.value === "system") delete root.dataset.theme;
		else root.dataset.theme = this.#chosen.value;
	}
}
