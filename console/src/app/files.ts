/** A result as a file: under which name it is kept, and how a page hands it over. */

export interface ResultFile {
  content: Blob;
  name: string;
}

/** The forms in which GET /jobs/{jobId}/result gives a result. */
export const FORMS = [
  { accept: "text/csv", suffix: "csv", text: "CSV", about: "a table of all that happened" },
  {
    accept: "application/fhir+json",
    suffix: "fhir.json",
    text: "FHIR",
    about: "a Bundle of FHIR R4",
  },
  { accept: "application/json", suffix: "json", text: "JSON", about: "the whole result" },
] as const;

export type Form = (typeof FORMS)[number];

/** The name that Content-Disposition gives, without any folder; null where it gives none. */
export function fileNameOf(disposition: string | null): string | null {
  const [, quoted, bare] = /filename=(?:"([^"]*)"|([^;\s]+))/i.exec(disposition ?? "") ?? [];
  return (quoted ?? bare)?.split(/[/\\]/).at(-1) || null;
}

/** Have the browser keep a file. */
export function keep({ content, name }: ResultFile): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}
