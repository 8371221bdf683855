# frozen_string_literal: true

require "hyperglyph"
require "hyperglyph/server"

# The service of spec/service.md.
module Service
  Blob = Hyperglyph::Blob
  Failure = Hyperglyph::Failure

  # A value; each change of it gives a new one.
  class Counter
    include Hyperglyph::Resource

    def initialize(start = 0)
      @start = start
    end

    attribute def value
      @start
    end

    form def add(n = 1)
      Counter.new(@start + n)
    end, defaults: { n: 1 }

    safe def double
      @start * 2
    end
  end

  # A number, and what comes of it.
  class Square
    include Hyperglyph::Resource

    def initialize(side)
      @side = side
    end

    attribute def side
      @side
    end

    embed def area
      @side * @side
    end
  end

  # Kept under its name, in this process, until it is removed.
  class Document
    include Hyperglyph::Resource

    # By name; of the hash itself only under LOCK.
    KEPT = {}
    LOCK = Mutex.new
    private_constant :KEPT, :LOCK

    # The document of a reference, if it was not removed since.
    def self.restore(name)
      LOCK.synchronize { KEPT[name] }
    end

    # A document of this name, the one that is there or a new one.
    def self.new(name)
      LOCK.synchronize { KEPT[name] ||= super }
    end

    attr_reader :text

    attribute :text

    def initialize(name)
      @name = name
      @text = ""
    end

    def write(text)
      @text = text
      nil
    end

    def clear
      @text = ""
      nil
    end

    put def replace(text)
      @text = text
      nil
    end, if_match: true

    delete def remove
      LOCK.synchronize { KEPT.delete(@name) }
      nil
    end
  end

  # Calls of `executed`, by their text.
  class Tally
    def initialize
      @counts = Hash.new(0)
      @lock = Mutex.new
    end

    def add(id)
      @lock.synchronize { @counts[id] += 1 }
    end

    def count(id)
      @lock.synchronize { @counts.fetch(id, 0) }
    end
  end

  module_function

  # A router that offers it. options: those of Hyperglyph::Router.
  def router(**options)
    tally = Tally.new
    router = Hyperglyph::Router.new(name: "conformance", **options)
    texts(router)
    failures(router)
    objects(router)
    sequences(router, tally)
    blobs(router)
    turns(router)
    router.add(->(seconds) { sleep(seconds) && nil }, name: "sleep")
    router.add(->(id) { tally.add(id) }, name: "executed")
    router.add(->(id) { tally.count(id) }, name: "executions", safe: true)
  end

  def texts(router)
    router.add(->(name = "World") { "Hello #{name}" }, name: "hello", defaults: { name: "World" }, takes: { name: String })
    router.add(->(a, b = 1) { a + b }, name: "add", defaults: { b: 1 })
    router.add(->(value) { value }, name: "echo")
    router.add(-> {}, name: "nothing")
    router.add(->(first, second = "-", third = nil) { "#{first}#{second}#{third}" }, name: "concat",
               defaults: { second: "-", third: nil }, takes: { first: String, second: [String, nil], third: [String, nil] })
    router.add(->(q, limit = 10) { Array.new(limit) { |place| "#{q}-#{place + 1}" } }, name: "search", safe: true,
               defaults: { limit: 10 }, takes: { q: String, limit: Integer })
    router.add(-> { Time.utc(2012) }, name: "today", safe: true, modified: Time.utc(2012))
    router.add(-> { "for all" }, name: "public", safe: true, public_for: 60)
  end

  def failures(router)
    router.add(-> { raise "secret-of-the-server" }, name: "fail")
    router.add(->(code) { raise Failure.new(code, "refused on purpose") }, name: "refuse")
  end

  def objects(router)
    router.add(Counter, name: "Counter", defaults: { start: 0 }, takes: { start: Integer })
    router.add(Square, name: "Square", takes: { side: Integer })
    router.add(Document, name: "Document", takes: { name: String })
    router.add(->(name) { Document.new(name) }, name: "moved", redirect: true, takes: { name: String })
    router.add(->(count) { Array.new(count) { |start| Counter.new(start) } }, name: "listing", safe: true,
               takes: { count: Integer })
    router.add(->(names) { names.map { |name| Document.new(name) } }, name: "documents", safe: true, takes: { names: Array })
    router.add(->(counter) { counter.value }, name: "link_of", takes: { counter: Counter })
  end

  def sequences(router, tally)
    ends = {
      "count" => -> {},
      "broken" => -> { raise Failure.new(409, "broken on purpose") },
      "crashed" => -> { raise "secret-of-the-server" },
      "ended" => -> { Hyperglyph::Extension.new("end", {}, nil) }
    }
    ends.each do |name, last|
      router.add(->(to) { numbers(to, last) }, name: name, takes: { to: Integer })
    end
    router.add(->(id) { ticks { tally.add(id) } }, name: "ticking", takes: { id: String })
  end

  def ticks
    Enumerator.new do |items|
      1.upto(50) do |number|
        yield
        items << number
        sleep(0.05)
      end
    end
  end

  def numbers(to, last)
    Enumerator.new do |items|
      1.upto(to) { |number| items << number }
      more = last.call
      items << more unless more.nil?
    end
  end

  # Calls of other services, and of this one, in the midst of a call.
  def turns(router)
    router.add(->(url, name, arguments) { relay(url, name, arguments) }, name: "relay",
               takes: { url: String, name: String, arguments: Hash })
    router.add(-> { Hyperglyph::Server.env["HTTP_HYPERGLYPH_TIMEOUT"]&.dup&.force_encoding(Encoding::UTF_8) }, name: "time_left", safe: true)
  end

  def relay(url, name, arguments)
    raise Failure.new(400, "only services of this machine") unless url.start_with?("http://127.0.0.1:")

    client = Hyperglyph::Client.new
    client.get(url)[name].call(**arguments.transform_keys(&:to_sym))
  ensure
    client&.close
  end

  def blobs(router)
    router.add(->(file) { file.size }, name: "upload", blob: true)
    router.add(->(file) { file.content_type }, name: "type_of", blob: true)
    router.add(->(file) { { "size" => file.size, "type" => file.content_type } }, name: "send", takes: { file: Blob })
    router.add(->(size) { Blob.new(("0123456789" * (size / 10 + 1))[0, size], content_type: "text/plain") },
               name: "download", safe: true, takes: { size: Integer })
  end
end
