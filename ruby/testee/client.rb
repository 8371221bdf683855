# frozen_string_literal: true

require "hyperglyph"
require_relative "typed"

# The role of a client: spec/testee.md says what it is asked.
class ClientRole
  # Seconds for each call where the options say nothing: less than the runner waits for an answer.
  TIMEOUT = 8
  Client = Hyperglyph::Client

  # A step needs a result that there is none of.
  class Skipped < StandardError; end

  def perform(request)
    options = request.fetch("options", {})
    client = Client.new(
      origins: options.fetch("origins", []), authorization: options["authorization"],
      timeout: options.fetch("timeout", TIMEOUT), ca: options["ca"],
      method_override: options.fetch("method_override", false)
    )
    results = {}
    { results: request["steps"].map { |step| step(client, step, results) } }
  ensure
    client&.close
  end

  # Where everything of a page leads.
  def urls(request)
    client = Client.new
    page = Client::Page.new(client, request["base"], public: false)
    { urls: leads(decode(request), page, request["base"]) }
  end

  # What a call would send.
  def request(request)
    host = Hyperglyph::HTTP::URL.target(request["base"]).host
    page = Client::Page.new(Client.new, request["base"], public: Client::Address.of_host(host) != false)
    callable = member(page.value(decode(request)), request.fetch("member", []))
    call = callable(callable).prepare(*arguments(request, {}), **named(request, {}))
    fields = call.fields
    fields += [["Accept", Client::ACCEPT]] if fields.none? { |name, _| name.casecmp?("accept") }
    { method: call.method, url: call.url, headers: fields, body: call.octets && octets(call.octets).unpack1("H*") }
  rescue Client::Error => e
    failed(e).slice(:error, :message)
  end

  private

  def decode(request)
    Hyperglyph.load([request["wire"]].pack("H*"))
  end

  def octets(body)
    sink = StringIO.new("".b)
    body.write_to(sink)
    sink.string
  end

  # In the order in which they begin: attributes before content. The proxies say where they lead; what stands in
  # attributes is wrapped by the page with the base that holds there.
  def leads(value, page, base)
    case value
    when Array then value.flat_map { |item| leads(item, page, base) }
    when Hash then value.values.flat_map { |item| leads(item, page, base) }
    when Hyperglyph::Blob then [page.wrap(value, base)["url"]]
    when Hyperglyph::Extension
      proxy = page.wrap(value, base)
      url = value.name == "input" ? [] : [Client.url(proxy)]
      inner = Client::Page.inner(value, base)
      url + leads(value.attributes, page, base) + leads(value.content, page, inner)
    else []
    end
  end

  def step(client, step, results)
    value = carry_out(client, step, results)
    result = { value: describe(value) }
    results[step["as"]] = value if step["as"]
    result
  rescue Skipped => e
    { skipped: e.message }
  rescue Typed::Unsupported => e
    { skipped: "Ruby cannot hold #{e.message}" }
  rescue Client::Error => e
    failed(e)
  end

  def carry_out(client, step, results)
    return client.get(step["url"]) if step["op"] == "get"

    value = member(result(results, step["on"]), step.fetch("member", []))
    case step["op"]
    when "call" then callable(value).call(*arguments(step, results), **named(step, results))
    when "read" then value
    when "url" then Client.url(value)
    when "content" then value.content
    when "take" then take(value, step["count"])
    when "end" then value.is_a?(Client::Sequence) ? value.close : nil
    else raise Skipped, "there is no step #{step['op']}"
    end
  end

  def result(results, name)
    results.fetch(name) { raise Skipped, "there is no result #{name}" }
  end

  def member(value, path)
    path.reduce(value) do |from, name|
      from = from.content while from.is_a?(Client::Other) || from.is_a?(Client::Failure) || from.is_a?(Client::Link)
      case from
      when Client::Resource then from[name]
      when Hash then from.fetch(name) { raise Client::NoMember, "there is no key #{name}" }
      when Array then from.fetch(name) { raise Client::NoMember, "there is no item #{name}" }
      else raise Client::NoMember, "#{from.class} has no members"
      end
    end
  end

  def callable(value)
    value.is_a?(Client::Callable) ? value : raise(Client::Unusable, "#{value.class} is no link or form")
  end

  def take(value, count)
    return count ? value.shift(count) : value.slice!(0..) if value.is_a?(Array)

    taken = []
    loop { taken << value.next while count.nil? || taken.size < count; break }
    taken
  end

  def arguments(step, results)
    step.fetch("arguments", []).map { |typed| build(typed, results) }
  end

  def named(step, results)
    step.fetch("named", {}).to_h { |name, typed| [name.to_sym, build(typed, results)] }
  end

  def build(typed, results)
    Typed.build(typed) do |other|
      raise Typed::Unsupported, "the type #{other['type']}" unless other["type"] == "result"

      result(results, other["name"])
    end
  end

  def describe(value)
    Typed.describe(value) do |part|
      case part
      when Client::Resource
        { type: "resource", url: Client.url(part), members: Client.members(part) }.compact
      when Client::Link then { type: "link", url: part.url }.compact
      when Client::Form then { type: "form", url: part.url, inputs: inputs(part) }.compact
      when Client::Sequence then { type: "sequence" }
      when Client::Failure
        { type: "failure", message: part.message, logref: part.logref, code: part.code && describe(part.code) }.compact
      end
    end
  end

  def inputs(form)
    form.inputs
  rescue Client::Unusable
    nil
  end

  def failed(error)
    case error
    when Client::ArgumentsError then { error: "arguments" }
    when Client::Unusable then { error: "unusable" }
    when Client::Refused then { error: "refused" }
    when Client::StatusError then status(error)
    when Client::MalformedAnswer then { error: "malformed" }
    when Client::TimeoutError then { error: "timeout", outcome: error.outcome.to_s.tr("_", " ") }
    else { error: "transport", outcome: error.outcome.to_s.tr("_", " ") }
    end.merge({ message: error.message }) { |_, told, _| told }
  end

  def status(error)
    code = error.code && describe(error.code)
    { error: "status", status: error.status, message: error.reason || "", logref: error.logref, code: code,
      content: describe(error.content) }.compact
  end
end
