import { createContext } from "svelte";
import type { Tone } from "./tone";

/** How long each is shown, in milliseconds; what went wrong stays until it is closed. */
const SHOWN_MS: Record<Tone, number | null> = { ok: 6000, info: 6000, warn: 12_000, crit: null };
/** Where something can be done about it, there is time to. */
const ACTION_MIN_MS = 12_000;
const SHOWN_MAX = 4;

export interface Toast {
	id: number;
	tone: Tone;
	title: string;
	text?: string;
	action?: { label: string; run: () => unknown };
}

/** Short notices of what has happened. */
export class Toasts {
	#list = $state.raw<Toast[]>([]);
	#timers = new Map<number, ReturnType<typeof setTimeout>>();
	#held = false;
	#next = 1;

	get list(): Toast[] {
		return this.#list;
	}

	add(toast: Omit<Toast, "id">): void {
		const added = { ...toast, id: this.#next++ };
		for (const { id } of this.#list.slice(0, Math.max(0, this.#list.length + 1 - SHOWN_MAX))) this.close(id);
		this.#list = [...this.#list, added];
		if (!this.#held) this.#count(added);
	}

	close(id: number): void {
		clearTimeout(this.#timers.get(id));
		this.#timers.delete(id);
		this.#list = this.#list.filter((toast) => toast.id !== id);
	}

	/** They are being read: none leaves by itself. */
	hold(): void {
		this.#held = true;
		for (const timer of this.#timers.values()) clearTimeout(timer);
		this.#timers.clear();
	}

	/** Each has its whole time again. */
	release(): void {
		if (!this.#held) return;
		this.#held = false;
		for (const toast of this.#list) this.#count(toast);
	}

	#count({ id, tone, action }: Toast): void {
		const toneMs = SHOWN_MS[tone];
		const shownMs = toneMs === null || !action ? toneMs : Math.max(toneMs, ACTION_MIN_MS);
		if (shownMs !== null)
			this.#timers.set(
				id,
				setTimeout(() => this.close(id), shownMs),
			);
	}
}

export const [useToasts, provideToasts] = createContext<Toasts>();
