# frozen_string_literal: true

require_relative "helper"
require "zlib"

# Entity tags, conditions, caches and codings (sections 18.2 and 19.4).
class TestConditions < Minitest::Test
  include Served

  # Kept by the test, with a version.
  class Text
    include Hyperglyph::Resource

    KEPT = Hash.new { |kept, id| kept[id] = { text: "", changed: Time.utc(2020) } }
    BEGUN = Queue.new
    GO_ON = Queue.new

    def initialize(id)
      @id = id
    end

    attribute def text
      KEPT[@id][:text]
    end

    put def replace(text)
      before = KEPT[@id]
      text == "slow" ? (BEGUN << 1) && GO_ON.pop : sleep(0.02)
      KEPT[@id] = { text: text, changed: before[:changed] + 1 }
      nil
    end, if_match: true

    patch def append(text)
      KEPT[@id][:text] += text
    end

    delete def remove
      KEPT.delete(@id)
      nil
    end

    private

    def reference_modified
      KEPT[@id][:changed]
    end
  end

  # As Text, but for what it knows: all of it from the moment when it is made.
  class Loaded
    include Hyperglyph::Resource

    KEPT = Hash.new("")

    def initialize(id)
      @id = id
      @text = KEPT[id]
    end

    attribute def text
      @text
    end

    put def replace(text)
      sleep(0.02)
      KEPT[@id] = text
    end, if_match: true
  end

  def setup
    Text::KEPT.clear
    Loaded::KEPT.clear
    serve do |router|
      router.add(Text)
      router.add(Loaded)
      router.add(-> { "x" * 5_000 }, name: "long", safe: true)
      router.add(-> { Time.utc(2012) }, name: "old", safe: true, modified: -> { Time.utc(2012, 1, 1, 0, 0, 0.5) })
      router.add(-> { "all" }, name: "all", safe: true, public_for: 60)
      router.add(-> { raise Hyperglyph::Failure.new(404, "no") }, name: "none", safe: true, public_for: 60)
      router.add(-> {}, name: "nil", safe: true)
      router.add(-> { Set.new([3, 1, 2]) }, name: "set", safe: true)
    end
    @url = post("/Text", { "id" => 1 }).headers["location"]
  end

  def test_get_with_a_tag
    first = get("/long")
    tag = first.headers["etag"]
    assert_match(/\A"\h{32}"\z/, tag)
    [tag, "W/#{tag}", "\"a\", #{tag}", "*", "\"a,b\",W/#{tag}"].each do |given|
      again = get("/long", headers: { "if-none-match" => given })
      assert_equal 304, again.status, given
      assert_empty again.body.to_s
      assert_equal first.headers.slice("etag", "vary", "cache-control"), again.headers.slice("etag", "vary", "cache-control")
      refute again.headers.key?("content-type")
    end
    ['"a"', tag.delete('"'), "#{tag} x", ""].each do |given|
      assert_equal 200, get("/long", headers: { "if-none-match" => given }).status, given
    end
  end

  def test_a_compressed_body_is_another_one
    plain = get("/long")
    zipped = get("/long", headers: { "accept-encoding" => "br, GZIP;q=0.5" })
    assert_equal "gzip", zipped.headers["content-encoding"]
    assert_equal plain.body, Zlib.gunzip(zipped.body)
    assert_equal "W/#{plain.headers['etag']}", zipped.headers["etag"]
    assert_equal 304, get("/long", headers: { "accept-encoding" => "gzip", "if-none-match" => zipped.headers["etag"] }).status
    ["gzip;q=0", "gzip; q=0.000", "x-gzip", "*", "br", ""].each do |coding|
      assert_nil get("/long", headers: { "accept-encoding" => coding }).headers["content-encoding"], coding
    end
    assert_nil get("/old", headers: { "accept-encoding" => "gzip" }).headers["content-encoding"]
  end

  def test_times
    assert_equal "Sun, 01 Jan 2012 00:00:00 GMT", get("/old").headers["last-modified"]
    { "Sun, 01 Jan 2012 00:00:00 GMT" => 304, "Sat, 31 Dec 2011 23:59:59 GMT" => 200, "2012" => 200 }.each do |date, status|
      assert_equal status, get("/old", headers: { "if-modified-since" => date }).status
    end
    assert_equal 412, get("/old", headers: { "if-unmodified-since" => "Sat, 31 Dec 2011 23:59:59 GMT" }).status
    assert_equal 200, get("/old", headers: { "if-unmodified-since" => "nonsense" }).status
    assert_equal 200, get("/old", headers: { "if-none-match" => '"x"', "if-modified-since" => "Sun, 01 Jan 2012 00:00:00 GMT" }).status
  end

  def test_put_with_the_tag_of_the_form_and_of_the_page
    page = get(@url)
    form = page.value.content["replace"]
    assert_equal ["PUT", "./", "form"], [form["method"], form["url"], form["envelope"]]
    tags = [form["headers"]["If-Match"], page.headers["etag"]]
    refute_equal(*tags)
    stale = ->(text, tag) { ask("PUT", @url, arguments: { "text" => text }, headers: { "if-match" => tag }) }
    assert_equal 204, stale.call("a", tags[0]).status
    tags.each { |tag| assert_error 412, stale.call("b", tag) }
    assert_equal 204, stale.call("b", get(@url).headers["etag"]).status
    assert_equal 204, stale.call("c", "*").status
    assert_error 412, stale.call("d", "W/#{get(@url).headers['etag']}")
    assert_error 412, stale.call("d", "nonsense")
    assert_equal 204, ask("PUT", @url, arguments: { "text" => "d" }).status
    assert_equal "d", get(@url).value.content["text"]
  end

  def test_one_of_many_writers_wins
    [@url, post("/Loaded", { "id" => 1 }).headers["location"]].each do |url|
      tag = get(url).value.content["replace"]["headers"]["If-Match"]
      other = url.sub(%r{(?<=\w/)(.)}) { |letter| format("%%%02X", letter.ord) }
      statuses = Array.new(8) do |number|
        Thread.new { ask("PUT", number.odd? ? url : other, arguments: { "text" => number.to_s }, headers: { "if-match" => tag }).status }
      end.map(&:value)
      assert_equal [1, 7], [statuses.count { |status| status < 300 }, statuses.count(412)]
    end
  end

  def test_a_writer_that_waits_too_long_never_begins
    first = Thread.new { ask("PUT", @url, arguments: { "text" => "slow" }) }
    Text::BEGUN.pop
    assert_error 504, ask("PUT", @url, arguments: { "text" => "late" }, headers: { "hyperglyph-timeout" => "0.2" })
    Text::GO_ON << 1
    assert_equal 204, first.value.status
    sleep(0.2)
    assert_equal "slow", get(@url).value.content["text"]
  end

  def test_unmodified_since_and_none_match_of_unsafe_calls
    early = "Tue, 31 Dec 2019 23:59:59 GMT"
    assert_error 412, ask("DELETE", @url, headers: { "if-unmodified-since" => early })
    assert_error 412, ask("DELETE", @url, headers: { "if-none-match" => "*" })
    assert_equal 204, ask("DELETE", @url, headers: { "if-unmodified-since" => "Wed, 01 Jan 2020 00:00:00 GMT" }).status
  end

  def test_if_match_on_what_is_no_instance
    assert_error 412, post("/Text", { "id" => 2 }, headers: { "if-match" => "*" })
  end

  def test_methods_of_an_instance
    assert_equal %w[PUT PATCH DELETE], get(@url).value.content.values.filter_map { |form| form["method"] unless form.is_a?(String) }
    assert_equal "x", ask("PATCH", @url, arguments: { "text" => "x" }).value
    wrong = ask("POST", @url, arguments: {})
    assert_error 405, wrong
    assert_equal "GET, PUT, PATCH, DELETE", wrong.headers["allow"]
    assert_error 400, ask("DELETE", @url, body: "O;")
    assert_error 404, ask("PUT", "#{@url}replace", arguments: { "text" => "x" })
    assert_equal 204, post(@url, nil, headers: { "method" => "DELETE" }, body: "").status
  end

  def test_caches
    vary = "Accept, Accept-Encoding, Authorization"
    assert_equal ["public, max-age=60", vary], get("/all").headers.values_at("cache-control", "vary")
    assert_equal "public, max-age=60", get("/all", headers: { "if-none-match" => "*" }).headers["cache-control"]
    ["/", "/none", "/nil", "/nosuchname", @url].each do |path|
      assert_equal ["private, no-cache", vary], get(path).headers.values_at("cache-control", "vary"), path
    end
    assert_nil post("/all").headers["cache-control"]
  end

  def test_head_is_get_without_its_body
    full = get("/long")
    head = ask("HEAD", "/long")
    assert_equal [200, full.headers["etag"], full.headers["content-length"]],
                 [head.status, head.headers["etag"], head.headers["content-length"]]
    assert_empty head.body.to_s
    assert_error 405, get("/Text")
    assert_equal 405, ask("HEAD", "/Text").status
  end

  def test_one_page_has_one_tag
    tags = Array.new(3) { get("/set").headers["etag"] }
    assert_equal 1, tags.uniq.size
    assert_equal "Si1;i2;i3;;", get("/set").body
  end

  def test_a_service_behind_cookies_says_so
    @server.stop
    serve(vary: ["Cookie"]) { |router| router.add(-> { 1 }, name: "one", safe: true) }
    assert_equal "Accept, Accept-Encoding, Authorization, Cookie", get("/one").headers["vary"]
  end
end
