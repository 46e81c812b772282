// Reads one delivery a line, as JSON {body, headers, secret}, and writes for each what the three public verifiers say.
import { createInterface } from "node:readline";
import OpenAI from "openai";
import { Webhook as Standard } from "standardwebhooks";
import { Webhook as Svix } from "svix";

const openai = new OpenAI({ apiKey: "none", webhookSecret: "none" });
const verifiers = {
  standardwebhooks: ({ body, headers, secret }) => new Standard(secret).verify(body, headers),
  svix: ({ body, headers, secret }) => new Svix(secret).verify(body, headers),
  openai: ({ body, headers, secret }) => openai.webhooks.unwrap(body, headers, secret),
};

for await (const line of createInterface({ input: process.stdin })) {
  const said = {};
  for (const [name, verify] of Object.entries(verifiers)) {
    try {
      await verify(JSON.parse(line));
      said[name] = "accepted";
    } catch (error) {
      said[name] = `refused: ${error.constructor.name}`;
    }
  }
  console.log(JSON.stringify(said));
}
