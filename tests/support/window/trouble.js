// Writes down what no user sees and no window should have: errors in the console, broken content rules, missing fonts.

const trouble = [];
window.queuescopeTrouble = trouble;
const worded = (word) => (word instanceof Error ? `${word}\n${word.stack}` : String(word));
for (const level of ["error", "warn"]) {
	const say = console[level];
	console[level] = (...words) => {
		trouble.push(`console.${level}: ${words.map(worded).join(" ")}`);
		say.apply(console, words);
	};
}
addEventListener(
	"error",
	(event) => {
		// The engine's way to say that a size is looked at again in the next frame.
		if (event.message?.startsWith("ResizeObserver loop")) return;
		trouble.push(`error: ${event.message ?? event.target?.src}`);
	},
	true,
);
addEventListener("unhandledrejection", (event) => trouble.push(`unhandled: ${worded(event.reason)}`));
document.addEventListener("securitypolicyviolation", (event) => {
	trouble.push(`content rule ${event.effectiveDirective} broken by ${event.blockedURI || event.sample}`);
});
