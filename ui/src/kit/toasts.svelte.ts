import { createContext } from "svelte";
import type { Tone } from "./tone";

const SHOWN_MS = 6000;
const SHOWN_MAX = 4;

export interface Toast {
	id: number;
	tone: Tone;
	title: string;
	text?: string;
	action?: { label: string; run: () => unknown };
}

/** Short notices of what has happened. What went wrong stays until it is closed. */
export class Toasts {
	#list = $state.raw<Toast[]>([]);
	#next = 1;

	get list(): Toast[] {
		return this.#list;
	}

	add(toast: Omit<Toast, "id">): void {
		const id = this.#next++;
		this.#list = [...this.#list, { ...toast, id }].slice(-SHOWN_MAX);
		if (toast.tone !== "crit" && toast.tone !== "warn") setTimeout(() => this.close(id), SHOWN_MS);
	}

	close(id: number): void {
		this.#list = this.#list.filter((toast) => toast.id !== id);
	}
}

export const [useToasts, provideToasts] = createContext<Toasts>();
