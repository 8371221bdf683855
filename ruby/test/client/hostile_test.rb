# frozen_string_literal: true

require_relative "helper"
require "json"
require "zlib"

# Whatever a server says, only errors of the client come out, and in time.
class ClientHostileTest < Minitest::Test
  include Scripting

  ANSWERS = [
    Scripted.ok({ "f" => Hyperglyph::Extension.new("form", { url: "f", method: "POST", values: ["a"] }), "t" => Time.utc(2012) }),
    Scripted.ok(Hyperglyph::Extension.new("resource", { url: "/", profile: "C", partial: true }, { "l" => Hyperglyph::Extension.new("link", { url: "x" }) })),
    Scripted.ok("i1;u1:a;Xu3:end;D;N;;".b, type: "application/vnd.hyperglyph-seq"),
    Scripted.ok(Zlib.gzip("i1;u1:a;Xu3:end;D;N;;"), type: "application/vnd.hyperglyph-seq", headers: { "Content-Encoding" => "gzip" }),
    Scripted.ok(Zlib.gzip("Li1;i2;;"), headers: { "Content-Encoding" => "gzip" }),
    Scripted.ok("abc".b, type: "text/plain; charset=utf-8"),
    Scripted.ok(Hyperglyph::Extension.new("error", { message: "m", logref: "l" }, {}), status: 409),
    Scripted.ok("<html><title>a&amp;b</title>".b, status: 502, type: "text/html"),
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n".b,
    "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.hyperglyph\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nB0:\r\n9\r\nD;;c0:1:a\r\n4\r\n;c0;\r\n0\r\n\r\n".b,
    "HTTP/1.1 303 See\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n".b, "HTTP/1.1 204 No\r\n\r\n".b,
    "HTTP/1.1 201 Made\r\nLocation: x\r\nContent-Length: 0\r\n\r\n".b
  ].freeze
  PARTS = ["\r\n", "\r", "\n", "\0", ":", " ", ";", "0", "9", "-", "f", "\xff", "\xc3\xa9", "HTTP/1.1 200 OK\r\n", "Content-Length: 3\r\n",
           "Transfer-Encoding: chunked\r\n", "Content-Encoding: gzip\r\n", "Location: http://[\r\n", "Content-Type: application/vnd.hyperglyph\r\n",
           "99999999999999999999", "ffffffffffffffff"].map(&:b).freeze

  def mutate(octets, random)
    octets = octets.dup
    random.rand(1..4).times do
      place = random.rand(0..octets.bytesize)
      case random.rand(5)
      when 0 then octets = octets.byteslice(0, place)
      when 1 then octets.slice!(place, random.rand(1..9))
      when 2 then octets.insert(place, PARTS.sample(random: random))
      when 3 then octets.setbyte(place, random.rand(256)) if place < octets.bytesize
      when 4 then octets.insert(place, octets.byteslice(random.rand(0..place), random.rand(1..30)) || "")
      end
    end
    octets
  end

  # Half of them in the body alone, whose length is said anew: else few would get beyond the head.
  def damage(answer, random)
    head, body = answer.split("\r\n\r\n", 2)
    return mutate(answer, random) if random.rand(2).zero? || body.empty?

    body = mutate(body, random)
    "#{head.sub(/Content-Length: \d+/n, "Content-Length: #{body.bytesize}")}\r\n\r\n".b << body
  end

  # Looks at all there is to a value.
  def use(value)
    case value
    when Client::Resource then Client.members(value).each { |name| use(value[name]) }
    when Client::Sequence then value.each { |item| use(item) }
    when Hyperglyph::Blob then value.read
    when Array then value.each { |item| use(item) }
    when Hash then value.each_value { |item| use(item) }
    when Client::Callable then [value.url, value.doc, value.inspect]
    end
  end

  def test_answers_that_were_damaged
    seed = Integer(ENV.fetch("SEED", Random.new_seed % 100_000))
    random = Random.new(seed)
    octets = nil
    server = script do |_, socket|
      socket.write(octets)
      :close
    end
    made = client(timeout: 5)
    values = 0
    Integer(ENV.fetch("HOSTILE", 700)).times do
      octets = damage(ANSWERS.sample(random: random), random)
      begin
        use(made.get(server.url))
        values += 1
      rescue Client::TimeoutError => e
        flunk "seed #{seed}: #{e.message}: #{octets.inspect}"
      rescue Client::Error
        nil
      rescue StandardError => e
        flunk "seed #{seed}: #{e.full_message(highlight: false)}: #{octets.inspect}"
      end
    end
    assert_operator values, :>, 10
  end

  WRONG = [nil, true, 7, 1.5, "x", "\xff".b, "", [], [1], {}, { "a" => 1 }, { "Accept" => 7 }, ["a", "a"], Time.utc(2012), Set[1], "http://[", "é",
           "a\r\nb", "POST", "GET", "blob", "query", Hyperglyph::Extension.decoded("input", { "name" => 7 }, nil)].freeze
  NAMES = %w[link form input resource error collection end x-own integer].freeze
  ATTRIBUTES = %w[url method values envelope headers content_type inline etag last_modified name value optional profile partial doc message
                  logref code status].freeze

  def damaged(random, depth = 0)
    return WRONG.sample(random: random) if depth > 3 || random.rand(4).zero?

    attributes = ATTRIBUTES.sample(random.rand(8), random: random).to_h { |name| [name, damaged(random, depth + 2)] }
    content = random.rand(3).zero? ? damaged(random, depth + 1) : { "m" => damaged(random, depth + 1), "n" => [damaged(random, depth + 1)] }
    Hyperglyph::Extension.decoded(NAMES.sample(random: random).dup, attributes, content)
  end

  # Everything on pages whose extensions do not fit is tried; only the client's errors come out, and requests that are whole.
  def test_pages_that_do_not_fit
    seed = Integer(ENV.fetch("SEED", Random.new_seed % 100_000))
    random = Random.new(seed)
    made = client(adapter: Answering.new)
    1500.times do
      page = damaged(random)
      try(seed, page) { explore(Client::Page.new(made, "http://127.0.0.1/a/", public: false).value(page), seed) }
    end
  end

  # Answers 204 to all, and looks at what is asked.
  class Answering
    def call(request)
      text = [request.method, request.target.path, *request.headers.flatten].join(" ")
      raise "a request that cannot be sent: #{text.inspect}" unless text.match?(/\A[\x20-\x7e]*\z/)

      Hyperglyph::Client::Response.new(204, {}, Nothing.new, address: nil)
    end
  end

  # An empty body.
  class Nothing
    def read(_deadline) = nil
    def drain(_octets, _deadline) = nil
    def close = nil
  end

  def try(seed, page)
    yield
  rescue Client::Error
    nil
  rescue StandardError => e
    flunk "seed #{seed}: #{e.full_message(highlight: false)}: #{page.inspect}"
  end

  def explore(value, seed)
    case value
    when Client::Resource then (Client.members(value) + ["m", "zzz"]).each { |name| try(seed, value) { explore(value[name], seed) } }
    when Client::Callable
      try(seed, value.extension) { value.call }
      try(seed, value.extension) { value.call(value, 2) }
      try(seed, value.extension) { explore(value.content, seed) if value.is_a?(Client::Link) }
      value.inspect
    when Client::Failure, Client::Other then explore(value.content, seed)
    when Array then value.each { |item| explore(item, seed) }
    when Hash then value.each_value { |item| explore(item, seed) }
    end
  end
end
