/** One recording on one page. */
export function Night({ response }: { response: { jobId?: string } }) {
  return <main>{response.jobId}</main>;
}
