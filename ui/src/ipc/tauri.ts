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
	const all = guarded(commands);
	const { watchApp, cancelTask, checkConnection, peekQueue, exportView, ...others } = all;
	const { groupFailures, searchCaptures, importCapture, ...plain } = others;

	async function followed<T, Progress = PeekProgress>(
		{ onprogress, signal }: Follow<Progress>,
		start: (task: string, progress: Channel<Progress>) => Promise<T>,
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
		exportView: (view, numbers, format, path, follow = {}) =>
			followed(follow, (task, progress) => exportView(view, numbers, format, path, task, progress)),
		searchCaptures: (ask, follow = {}) =>
			followed(follow, (task, progress) => searchCaptures(ask, task, progress)),
		importCapture: (path, name, profile, follow = {}) =>
			followed(follow, (task, progress) => importCapture(path, name, profile, task, progress)),
		groupFailures: (ask, follow = {}) =>
			followed(follow, (task, progress) => groupFailures(ask, task, progress)),
	};
}
