import { Channel } from "@tauri-apps/api/core";
import { IpcError } from "./error";
import { commands } from "./generated/bindings";
import type { Follow, PeekProgress, Port } from "./port";

type Call = (...args: never[]) => Promise<unknown>;

/** The same commands, throwing `IpcError`. */
function guarded<Commands extends Record<string, Call>>(all: Commands): Commands {
	const guard =
		(call: Call) =>
		async (...args: never[]) => {
			try {
				return await call(...args);
			} catch (fault) {
				throw IpcError.from(fault);
			}
		};
	return Object.fromEntries(Object.entries(all).map(([name, call]) => [name, guard(call)])) as Commands;
}

function channel<T>(onmessage: ((message: T) => void) | undefined): Channel<T> {
	const made = new Channel<T>();
	if (onmessage) made.onmessage = onmessage;
	return made;
}

/** The real door. */
export function tauriPort(): Port {
	const { watchApp, cancelTask, checkConnection, peekQueue, exportView, groupFailures, ...plain } =
		guarded(commands);

	async function followed<T>(
		{ onprogress, signal }: Follow,
		start: (task: string, progress: Channel<PeekProgress>) => Promise<T>,
	): Promise<T> {
		const task = crypto.randomUUID();
		const cancel = () => void cancelTask(task);
		signal?.addEventListener("abort", cancel, { once: true });
		try {
			return await start(task, channel(onprogress));
		} finally {
			signal?.removeEventListener("abort", cancel);
		}
	}

	return {
		...plain,
		watchApp: async (onevent) => {
			await watchApp(channel(onevent));
		},
		checkConnection: async (draft, secret, onstep) => {
			await checkConnection(draft, secret, channel(onstep));
		},
		peekQueue: (profile, queue, n, accepted, follow = {}) =>
			followed(follow, (task, progress) => peekQueue(profile, queue, n, accepted, task, progress)),
		exportView: (view, numbers, path, follow = {}) =>
			followed(follow, (task, progress) => exportView(view, numbers, path, task, progress)),
		groupFailures: (ask, follow = {}) =>
			followed(follow, (task, progress) => groupFailures(ask, task, progress)),
	};
}
