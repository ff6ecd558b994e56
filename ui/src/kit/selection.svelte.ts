import { SvelteSet } from "svelte/reactivity";

/** Which rows are chosen, by their ids: they stay chosen when the order changes. */
export class Selection {
	readonly ids = new SvelteSet<string>();

	get size(): number {
		return this.ids.size;
	}

	has(id: string): boolean {
		return this.ids.has(id);
	}

	toggle(id: string): void {
		if (!this.ids.delete(id)) this.ids.add(id);
	}

	add(ids: Iterable<string>): void {
		for (const id of ids) this.ids.add(id);
	}

	clear(): void {
		this.ids.clear();
	}
}
