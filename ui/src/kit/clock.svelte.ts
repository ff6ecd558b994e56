import { createContext } from "svelte";
import { createSubscriber } from "svelte/reactivity";

const TICK_MS = 1000;

/** The time, for what shows an age. Ticks while something on screen reads it. */
export class Clock {
	#subscribe = createSubscriber((update) => {
		const timer = setInterval(update, TICK_MS);
		return () => clearInterval(timer);
	});

	/** Milliseconds since 1970. */
	get now(): number {
		this.#subscribe();
		return Date.now();
	}
}

export const [useClock, provideClock] = createContext<Clock>();
