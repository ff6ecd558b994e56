import { createContext } from "svelte";
import type { AppEvent, Port } from "../ipc/port";

type Kind = AppEvent["kind"];
type Of<K extends Kind> = Extract<AppEvent, { kind: K }>;

/** Changes that Rust tells of, passed on to whoever asked for them. After events were lost, everybody is told. */
export class Events {
	#listeners = new Map<Kind, Set<(event: AppEvent | null) => void>>();

	async start(port: Port): Promise<void> {
		await port.watchApp((event) => this.#pass(event));
	}

	/** Calls back with the event; with `null` where events were lost: ask for everything. Ends when called. */
	on<K extends Kind>(kind: K, listener: (event: Of<K> | null) => void): () => void {
		const listeners = this.#listeners.get(kind) ?? new Set();
		this.#listeners.set(kind, listeners);
		const heard = (event: AppEvent | null) => listener(event as Of<K> | null);
		listeners.add(heard);
		return () => listeners.delete(heard);
	}

	#pass(event: AppEvent): void {
		if (event.kind !== "lagged") {
			for (const listener of this.#listeners.get(event.kind) ?? []) listener(event);
			return;
		}
		for (const listeners of this.#listeners.values()) for (const listener of listeners) listener(null);
	}
}

export const [useEvents, provideEvents] = createContext<Events>();
