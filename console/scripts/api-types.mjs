/**
 * Writes src/api/schema.gen.ts, the types of the API, from docs/openapi.json.
 *
 * Made before each build, check and test, and not committed: the API's document is the one source.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import openapiTS, { astToString } from "openapi-typescript";

const document = new URL("../../docs/openapi.json", import.meta.url);
const target = new URL("../src/api/schema.gen.ts", import.meta.url);

const types = await openapiTS(document, { defaultNonNullable: false });
const written = `// Written by scripts/api-types.mjs from docs/openapi.json.\n\n${astToString(types)}`;

// Unchanged types keep their time, by which make tells whether to build again.
mkdirSync(new URL(".", target), { recursive: true });
if (!existsSync(target) || readFileSync(target, "utf8") !== written) {
  writeFileSync(target, written);
}
