# frozen_string_literal: true

require_relative "helper"

# References: what they hold, and what is refused.
class TestReference < Minitest::Test
  include Served

  # Any state.
  class Note
    include Hyperglyph::Resource

    def initialize(id, kind: "plain")
      @id = id
      @kind = kind
    end

    attribute def both
      [@id, @kind]
    end

    def same(other)
      other.is_a?(Note) ? "a note" : "data"
    end
  end

  # Of the same state.
  class Other
    include Hyperglyph::Resource

    def initialize(id, kind: "plain")
      @id = id
      @kind = kind
    end
  end

  # Made by nobody's call; may be gone.
  class Kept
    include Hyperglyph::Resource

    def self.restore(id)
      new(id) if id == 1
    end

    attribute def id
      @id
    end

    def initialize(id)
      @id = id
    end
  end

  References = Hyperglyph::Server::References

  def service(**options)
    serve(**options) do |router|
      router.add(Note, name: "Note")
      router.add(Other, name: "Other")
      router.add(Kept, name: "Kept", hidden: true)
      router.add(->(id) { Kept.new(id) }, name: "kept")
      router.add(->(note) { note.is_a?(Note) ? note.both : "data" }, name: "take", takes: { note: Note })
    end
  end

  def test_a_state_of_all_kinds_comes_back
    service
    state = [1, 1.5, "ä", "\xff".b, nil, true, Time.utc(2020), { "a" => [1] }, 10**30]
    url = post("/Note", { "id" => state, "kind" => "ü/%" }).headers["location"]
    assert_match(%r{\A/Note/[A-Za-z0-9_-]+/\z}, url)
    assert_equal [state, "ü/%"], get(url).value.content["both"]
  end

  def test_it_holds_over_restarts_and_another_process_of_the_same_secret
    service
    url = post("/Note", { "id" => 5 }).headers["location"]
    @server.stop
    service
    assert_equal [5, "plain"], get(url).value.content["both"]
  end

  def test_every_other_spelling_is_refused
    service
    url = post("/Note", { "id" => 5 }).headers["location"]
    reference = url.split("/").last
    alphabet = [*"A".."Z", *"a".."z", *"0".."9", "-", "_"]
    reference.length.times do |place|
      (alphabet - [reference[place]]).sample(3).each do |character|
        changed = reference.dup
        changed[place] = character
        assert_error 400, get("/Note/#{changed}/")
      end
    end
    [reference[0..-2], reference[0, 20], "#{reference}A", "#{reference}=", "#{reference}==", "A", "-", "Og", "%2B#{reference}",
     reference.swapcase, "#{reference}%0A"].each { |wrong| assert_error 400, get("/Note/#{wrong}/") }
    assert_equal 200, get("/Note/#{reference.gsub(/[A-Z]/) { |letter| format('%%%02x', letter.ord) }}/").status
  end

  def test_a_reference_is_of_one_class
    service
    note = post("/Note", { "id" => 5 }).headers["location"]
    assert_error 400, get(note.sub("Note", "Other"))
    assert_error 404, get(note.sub("Note", "Nothing"))
    assert_error 404, get(note.chomp("/"))
    assert_error 404, get("#{note}/")
  end

  def test_secrets_are_rotated
    old = ["o" * 16]
    new = ["n" * 16, "o" * 16]
    text = References.new(old).sign("Note", { "id" => 1 })
    assert_equal({ "id" => 1 }, References.new(new).read("Note", text))
    refute_equal text, References.new(new).sign("Note", { "id" => 1 })
    error = assert_raises(Hyperglyph::Server::Refusal) { References.new(["n" * 16]).read("Note", text) }
    assert_equal 400, error.status
    [nil, "", "short", [], ["o" * 16, "short"]].each { |wrong| assert_raises(ArgumentError) { References.new(wrong) } }
  end

  def test_compatible_changes_of_a_class
    references = References.new(SECRET)
    service
    path = ->(state) { "/Note/#{references.sign('Note', state)}/" }
    assert_equal [1, "plain"], get(path.call({ "id" => 1 })).value.content["both"]
    assert_equal [1, "plain"], get(path.call({ "id" => 1, "parameter that went" => 3 })).value.content["both"]
    assert_error 410, get(path.call({ "kind" => "x" }))
    assert_error 410, get(path.call([1]))
  end

  def test_what_is_gone
    service
    one = post("/kept", { "id" => 1 }).headers["location"]
    assert_equal 1, get(one).value.content["id"]
    assert_error 410, get(post("/kept", { "id" => 2 }).headers["location"])
    assert_error 404, post("/Kept", { "id" => 1 })
    refute_includes get("/").value.content.keys, "Kept"
  end

  def link(url)
    Hyperglyph::Extension.new("link", { "url" => url }, nil)
  end

  def test_objects_as_arguments
    service
    url = @origin + post("/Note", { "id" => 5 }).headers["location"]
    assert_equal [5, "plain"], post("/take", { "note" => link(url) }).value
    assert_equal [5, "plain"], post("/take", { "note" => get(url).value.then do |page|
      Hyperglyph::Extension.new("resource", { "url" => url }, page.content)
    end }).value
    other = @origin + post("/Other", { "id" => 5 }).headers["location"]
    [other, url.sub(@origin, ""), url.sub("127.0.0.1", "127.0.0.2"), url.sub("http", "ftp"), "#{url}same", url.chomp("/"),
     "#{url}?a", "#{url}#a", "#{@origin}/take", "http://a@#{url.delete_prefix('http://')}", "", "%"].each do |data|
      assert_equal "data", post("/take", { "note" => link(data) }).value, data
    end
    assert_equal "data", post("/take", { "note" => 5 }).value
    assert_error 400, post("/take", { "note" => link(url.sub(/.(?=.\/\z)/) { |letter| letter == "A" ? "B" : "A" }) })
    stale = References.new(SECRET).sign("Note", { "kind" => "x" })
    assert_error 410, post("/take", { "note" => link("#{@origin}/Note/#{stale}/") })
    assert_equal "data", post("#{URI(url).path}same", { "other" => link(url) }).value
  end

  def test_state_that_cannot_travel_is_a_failure_that_tells_nothing
    service
    blob = Hyperglyph::Blob.new("x", content_type: "a/b")
    assert_error 500, post("/Note", { "id" => blob })
    assert_match(/holds a blob/, @log.string)
    assert_error 500, post("/Note", { "id" => "x" * 4_000 })
    assert_match(/makes a URL of \d+ octets/, @log.string)
  end
end
