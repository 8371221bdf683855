# frozen_string_literal: true

require_relative "helper"

# Pages, and calls of what is on them.
class TestPage < Minitest::Test
  include Served

  # State in its URL.
  class Counter
    include Hyperglyph::Resource

    def initialize(start = 0, step: 1)
      @start = start
      @step = step
    end

    attribute def value
      @start
    end

    form def add(n = 1)
      Counter.new(@start + n, step: @step)
    end, defaults: { n: 1 }, doc: "adds"

    safe def double
      @start * 2
    end

    embed def square
      @start**2
    end

    hidden def secret
      "secret"
    end

    def _inner
      "inner"
    end

    def to_s
      "to_s"
    end

    def ready?
      true
    end

    private

    def private_one
      "private"
    end
  end

  # Holds another one, and what may fail.
  class Holder
    include Hyperglyph::Resource

    def initialize; end

    attribute def counter
      Counter.new(4)
    end

    embed def refused
      raise Hyperglyph::Failure.new(403, "not for you")
    end

    redirect def elsewhere
      "http://example.org/ä b\r\nx: y"
    end

    safe redirect def there
      Counter.new(9)
    end
  end

  def setup
    serve do |router|
      router.add(->(name = "World") { "Hello #{name}" }, name: "hello", defaults: { name: "World" }, doc: "greets")
      router.add(->(a, b = 1, c = 2, *, d:, e: 5) { [a, b, c, d, e] }, name: "args", defaults: { b: 10 })
      router.add(->(q) { [q] }, name: "search", safe: true)
      router.add(-> { 1 }, name: "one", embed: true)
      router.add(->(a = nil) { a }, name: "odd: ä/%?", defaults: { a: Hyperglyph::Blob.new("x", content_type: "a/b") })
      router.add(Counter)
      router.add(Holder)
    end
  end

  def members(path = "/")
    get(path).value.content
  end

  def test_the_root_lists_what_was_added_in_its_order
    root = get("/").value
    assert_equal "resource", root.name
    assert_equal "/", root["url"]
    assert_equal ["hello", "args", "search", "one", "odd: ä/%?", "Counter", "Holder"], root.content.keys
  end

  def test_parameters_are_inputs
    form = members["args"]
    assert_equal "POST", form["method"]
    inputs = form["values"].map { |input| input.is_a?(String) ? input : input.attributes }
    assert_equal ["a", { "name" => "b", "value" => 10 }, { "name" => "c", "optional" => true }, "d",
                  { "name" => "e", "optional" => true }], inputs
    assert_nil form["envelope"]
    assert_equal "greets", members["hello"]["doc"]
  end

  def test_arguments_bind_by_name_in_any_order
    assert_equal [1, 1, 2, 4, 5], post("/args", { "d" => 4, "a" => 1 }).value
    assert_equal [1, 10, 3, 4, 6], post("/args", { "e" => 6, "d" => 4, "c" => 3, "a" => 1 }).value
    assert_equal [1, 7, 2, 4, 5], post("/args", Hyperglyph::OrderedHash[{ "b" => 7, "d" => 4, "a" => 1 }]).value
  end

  def test_arguments_that_do_not_bind
    assert_error 400, post("/args", { "a" => 1 })
    assert_error 400, post("/args", { "a" => 1, "d" => 2, "f" => 3 })
    assert_error 400, post("/args", { "a" => 1, "d" => 2, 3 => 3 })
    assert_error 400, post("/args", { "a" => 1, "d" => 2, Hyperglyph::Bytes.new("e") => 3 })
    assert_error 400, ask("POST", "/args", body: "Li1;;")
    assert_error 400, ask("POST", "/args", body: "O;i1;")
    assert_match(/needs the argument 'd'/, post("/args", { "a" => 1 }).message)
  end

  def test_a_name_of_any_letters
    form = members["odd: ä/%?"]
    assert_equal "odd%3A%20%C3%A4%2F%25%3F", form["url"]
    assert_equal true, form["values"].first["optional"]
    assert_equal 3, post("/#{form['url']}", { "a" => 3 }).value
  end

  def test_safe_is_a_link_or_a_form_with_get
    assert_equal "GET", members["search"]["method"]
    assert_equal ["x"], get("/search", query: { "q" => "x" }).value
    assert_equal ["x"], post("/search", { "q" => "x" }).value
    assert_error 405, get("/hello")
    assert_equal "POST", get("/hello").headers["allow"]
    assert_error 405, ask("PUT", "/search", arguments: { "q" => "x" })
  end

  def test_what_is_embedded
    link = members["one"]
    assert_equal [true, 1, "one"], [link["inline"], link.content, link["url"]]
    assert_equal 1, get("/one").value
  end

  def test_an_instance
    made = post("/Counter", { "start" => 3, "step" => 2 })
    assert_equal 303, made.status
    page = get(made.headers["location"]).value
    assert_equal made.headers["location"], page["url"]
    assert_equal %w[value add double square], page.content.keys
    assert_equal [3, 9], [page.content["value"], page.content["square"].content]
    assert_equal 6, get("#{page['url']}double").value
    added = post("#{page['url']}add", { "n" => 2 })
    assert_equal 5, get(added.headers["location"]).value.content["value"]
  end

  def test_what_is_not_offered_is_not_there
    url = post("/Counter").headers["location"]
    nothing = get("#{url}nosuchname")
    assert_error 404, nothing
    %w[secret _inner to_s ready? private_one value initialize reference_state].each do |name|
      %w[GET POST].each do |method|
        answer = ask(method, url + URI.encode_www_form_component(name))
        assert_equal 404, answer.status, name
        assert_equal nothing.message, answer.message
      end
    end
  end

  def test_nested_resources_and_refused_content
    page = get(post("/Holder").headers["location"]).value
    assert_equal 4, page.content["counter"].content["value"]
    assert_equal "link", page.content["refused"].name
    assert_nil page.content["refused"]["inline"]
    assert_error 403, get("#{page['url']}refused")
  end

  def test_redirects
    url = post("/Holder").headers["location"]
    moved = post("#{url}elsewhere")
    assert_equal [303, "http://example.org/%C3%A4%20b%0D%0Ax:%20y"], [moved.status, moved.headers["location"]]
    there = get("#{url}there")
    assert_equal 303, there.status
    assert_match(/private/, there.headers["cache-control"])
    assert_equal 9, get(there.headers["location"]).value.content["value"]
  end

  def test_blobs_do_not_travel_in_queries
    query = Hyperglyph::HTTP::Forms.percent_encode("Ou1:q;B0:Du12:content-type;u3:a/b;;;;c0:1:x;c0;")
    assert_error 400, get("/search?#{query}")
  end

  def test_what_cannot_be_offered_is_refused_when_it_is_added
    router = Hyperglyph::Router.new(secret: SECRET)
    [
      -> { router.add(proc { |a| a }, name: "a") },
      -> { router.add(->(a) { a }) },
      -> { router.add(->(a) { a }, name: "..") },
      -> { router.add(->(a = 1, b = 2) { [a, b] }, name: "a") },
      -> { router.add(->((a, b)) { [a, b] }, name: "a") },
      -> { router.add(->(a) { a }, name: "a", blob: true, safe: true) },
      -> { router.add(->(a, b) { [a, b] }, name: "a", blob: true) },
      -> { router.add(->(a) { a }, name: "a", embed: true) },
      -> { router.add(->(a) { a }, name: "a", public_for: 3) },
      -> { router.add(->(a) { a }, name: "a", if_match: true) },
      -> { router.add(-> { 1 }, name: "a", safe: true, public_for: "60") },
      -> { router.add(->(a) { a }, name: "a", modified: Time.now) },
      -> { router.add(->(a) { a }, name: "a", defaults: { b: 1 }) },
      -> { router.add(->(a) { a }, name: "a", sfae: true) },
      -> { router.add(String) },
      -> { router.add("a", name: "a") },
      -> { router.add(-> {}, name: "a").add(-> {}, name: "a") }
    ].each { |wrong| assert_raises(ArgumentError, &wrong) }
  end

  def test_a_class_is_declared_well
    wrong = [
      -> { form :missing },
      -> { attribute def value(a) = a },
      -> { put(def a = 1); put(def b = 2) },
      -> { form :to_s }
    ]
    wrong.each do |body|
      type = Class.new { include Hyperglyph::Resource }
      assert_raises(ArgumentError) do
        type.class_eval(&body)
        Hyperglyph::Router.new(secret: SECRET).add(type, name: "X")
      end
    end
    assert_raises(ArgumentError) { Class.new { include Hyperglyph::Resource }.form(:initialize) }
    assert_raises(TypeError) { Module.new.include(Hyperglyph::Resource) }
  end

  def test_extensions_are_built_whole
    [["form", {}], ["form", { url: "a", method: "HEAD", values: [] }], ["form", { url: "a", method: "GET", values: %w[a a] }],
     ["link", { url: 1 }], ["link", { method: "PUT" }], ["input", {}], ["error", { message: "x" }]].each do |name, attributes|
      assert_raises(ArgumentError) { Hyperglyph::Extension.new(name, attributes, name == "error" ? {} : nil) }
    end
    assert_raises(ArgumentError) { Hyperglyph::Extension.new("resource", {}, nil) }
    assert_equal "form", Hyperglyph::Extension.new("form", { url: "a", method: "GET", values: ["a"] }, nil).name
    assert_equal "form", Hyperglyph.load("Xu4:form;D;N;;").name
  end
end

# What a class has from elsewhere.
class TestInheritance < Minitest::Test
  include Served

  module Mixed
    def mixed = 1
    def named = 2
  end

  class Foreign
    def foreign = 3
    def wanted = 4
  end

  class Base < Foreign
    include Hyperglyph::Resource
    include Mixed

    def initialize(id = 0) = @id = id
    def inherited = 5
    safe def changed = 6
    hidden def covered = 7
  end

  class Derived < Base
    def own = 8
    def changed = 9
    def wanted = super + 1
    safe :wanted
    attr_accessor :written
  end

  def setup
    serve do |router|
      router.add(Base)
      router.add(Derived)
      router.add(->(base) { base.is_a?(Base) }, name: "take", takes: { base: Base })
      router.add(-> { Class.new(Base).new }, name: "stranger")
    end
  end

  def test_only_resource_classes_pass_on_what_they_offer
    base = get(post("/Base").headers["location"]).value
    assert_equal %w[inherited changed], base.content.keys
    derived = get(post("/Derived").headers["location"]).value
    assert_equal %w[inherited changed own wanted written], derived.content.keys
    assert_equal [9, 5], [get("#{derived['url']}changed").value, get("#{derived['url']}wanted").value]
    %w[mixed named foreign covered written=].each do |name|
      assert_error 404, get("#{derived['url']}#{name}")
      assert_error 404, post("#{derived['url']}#{name}")
    end
  end

  def test_an_object_of_a_class_below_is_taken_and_a_strange_one_is_not_sent
    link = Hyperglyph::Extension.new("link", { "url" => @origin + post("/Derived").headers["location"] }, nil)
    assert_equal true, post("/take", { "base" => link }).value
    assert_error 500, post("/stranger")
    assert_match(/is not registered: router\.add/, @log.string)
  end
end
