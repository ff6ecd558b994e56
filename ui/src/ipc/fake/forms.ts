import type { Field, KindInfo } from "../port";

const text = (name: string, label: string, more: Partial<Field> = {}): Field => ({
	name,
	label,
	kind: { kind: "text" },
	initial: "",
	placeholder: "",
	hint: "",
	required: false,
	shownWhen: null,
	...more,
});

/** The forms of two kinds of broker, in the shape in which drivers describe theirs. */
export function forms(): KindInfo[] {
	const tls: Field["kind"] = {
		kind: "choice",
		choices: [
			{ value: "system", label: "Verify with system certificates" },
			{ value: "ca", label: "Verify with my own authority" },
			{ value: "none", label: "Do not verify" },
		],
	};
	return [
		{
			kind: "rabbitmq",
			form: {
				title: "RabbitMQ",
				subtitle: "3.10 and later · AMQP 0-9-1, management API",
				tag: "RMQ",
				secretLabel: "Password",
				fields: [
					text("address", "Broker address", { required: true, placeholder: "amqps://host:5671" }),
					text("vhost", "Virtual host", { initial: "/" }),
					text("user", "User", { required: true, initial: "guest" }),
					text("management", "Management API", { placeholder: "https://host:15671" }),
					text("tls", "TLS", { kind: tls, initial: "system" }),
					text("ca", "Authority", { kind: { kind: "file" }, shownWhen: ["tls", "ca"] }),
				],
			},
		},
		{
			kind: "sandbox",
			form: {
				title: "Sandbox",
				subtitle: "A demo broker inside the app",
				tag: "SBX",
				secretLabel: null,
				fields: [],
			},
		},
	];
}
