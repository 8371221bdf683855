# frozen_string_literal: true

require_relative "helper"

# What calls of forms and links send, and what they refuse before.
class ClientFormTest < Minitest::Test
  include Scripting

  # The form as it would stand on a page, not judged before it is used.
  def on_a_page(attributes, base: "http://h.example/a/b", name: "form", content: nil)
    page = Client::Page.new(client, base, public: false)
    page.value(Hyperglyph::Extension.decoded(name, attributes, content))
  end

  def run_form(**attributes)
    on_a_page({ "url" => "run", "method" => "POST", "values" => [] }.merge(attributes.transform_keys(&:to_s)))
  end

  def body(call)
    sink = StringIO.new("".b)
    call.octets.write_to(sink)
    sink.string
  end

  def test_arguments_bind_like_those_of_a_method
    form = run_form(values: ["a", input("b", value: nil), input("c", optional: true), input("d e", value: 4)])
    assert_equal "Ou1:a;i1;u1:b;N;u3:d e;i4;;", body(form.prepare(1))
    assert_equal "Ou1:a;i1;u1:b;i2;u1:c;i3;u3:d e;i5;;", body(form.prepare(1, 2, "d e": 5, c: 3))
    assert_equal "Ou1:a;N;u1:b;N;u1:c;N;u3:d e;i4;;", body(form.prepare(a: nil, c: nil))
    [[], [1, 2, 3, 4, 5]].each { |given| assert_raises(Client::ArgumentsError) { form.prepare(*given) } }
    assert_raises(Client::ArgumentsError) { form.prepare(1, a: 1) }
    assert_raises(Client::ArgumentsError) { form.prepare(1, x: 1) }
  end

  def test_values_that_do_not_fit
    [["a", "a"], ["a", input("a")], [Hyperglyph::Extension.decoded("input", {}, nil)], ["\xff".b], 7,
     [Hyperglyph::Extension.decoded("input", { "name" => "a", "optional" => 1 }, nil)]].each do |values|
      assert_raises(Client::Unusable, values.inspect) { run_form(values: values).prepare(1) }
    end
    [nil, false, [], [1, nil, link("x")]].each { |values| assert_equal "O;", body(run_form(values: values).prepare) }
  end

  def test_what_has_no_encoding_is_refused
    form = run_form(values: ["a"])
    circle = []
    circle << circle
    twice = []
    twice << twice << twice
    deep = 600.times.reduce(1) { |value, _| [value] }
    [circle, twice, deep, Object.new, { [{}] => 1 }, "\xff", Time].each do |argument|
      assert_raises(Client::ArgumentsError) { form.prepare(argument) }
    end
    shared = [1]
    assert_equal "Ou1:a;LLi1;;Li1;;;;", body(form.prepare([shared, shared]))
  end

  def test_proxies_go_with_absolute_urls
    inner = on_a_page({ "url" => "c/" }, name: "resource", content: { "l" => link("x"), "n" => { "m" => [link("/y")] } })
    sent = Hyperglyph.load(body(run_form(values: ["a"]).prepare([inner, inner["l"]])))["a"]
    assert_equal "http://h.example/a/c/", sent[0]["url"]
    assert_equal "http://h.example/a/c/x", sent[0].content["l"]["url"]
    assert_equal "http://h.example/y", sent[0].content["n"]["m"][0]["url"]
    assert_equal sent[0].content["l"], sent[1]
  end

  def test_a_link_that_leads_nowhere_cannot_be_sent
    form = run_form(values: ["a"])
    broken = on_a_page({ "url" => 1 }, name: "link")
    page = on_a_page({ "url" => "c/" }, name: "resource", content: { "f" => Hyperglyph::Extension.decoded("form", { "url" => nil.to_a }, nil) })
    [broken, [broken], page].each { |argument| assert_raises(Client::ArgumentsError) { form.prepare(argument) } }
    assert_equal "http://h.example/a/b", Hyperglyph.load(body(form.prepare(on_a_page({}, name: "link"))))["a"]["url"]
  end

  def test_headers_of_a_form
    call = run_form(headers: { "If-Match" => '"v"', "accept" => "text/plain" }).prepare
    assert_equal [["accept", "text/plain"], ["If-Match", '"v"'], ["Content-Type", "application/vnd.hyperglyph"]], call.fields
    [{ "Authorization" => "x" }, { "If-Match" => "a\r\nb" }, { "If-Match" => "é" }, { "If-Match" => 1 }, 7, { "" => "x" },
     { "If-Match" => "a", "if-match" => "b" }].each do |headers|
      assert_raises(Client::Unusable, headers.inspect) { run_form(headers: headers).prepare }
    end
    assert_raises(Client::Unusable) { run_form(method: "GET", headers: { "If-Match" => "x" }).prepare }
  end

  def test_links_that_do_not_fit
    assert_equal "http://h.example/a/x", on_a_page({ "url" => "x" }, name: "link").prepare.url
    [{ "url" => 7 }, { "url" => "x", "method" => "POST" }, { "url" => "x", "inline" => 1 }, { "url" => "x", "headers" => { "Host" => "y" } },
     { "url" => "x", "method" => 7 }, { "url" => "\xff".b }].each do |attributes|
      assert_raises(Client::Unusable, attributes.inspect) { on_a_page(attributes, name: "link").prepare }
    end
    assert_raises(Client::ArgumentsError) { on_a_page({ "url" => "x" }, name: "link").call(1) }
    assert_raises(Client::Unusable) { on_a_page({ "url" => "x", "etag" => "a\nb" }, name: "link", content: 1).prepare }
    assert_raises(Client::Unusable) { on_a_page({ "url" => "x", "last_modified" => "today" }, name: "link", content: 1).prepare }
  end

  def test_a_form_with_a_query
    form = run_form(method: "get", values: ["a"])
    assert_equal "http://h.example/a/run?Ou1%3Aa%3Bu5%3Aa%2Bb~%20%3B%3B", form.prepare("a+b~ ").url
    assert_nil form.prepare(1).octets
    assert_raises(Client::ArgumentsError) { form.prepare(Hyperglyph::Blob.new("x", content_type: "a/b")) }
    assert_raises(Client::ArgumentsError) { form.prepare([{ "x" => Hyperglyph::Blob.new("x", content_type: "a/b") }]) }
    assert_raises(Client::ArgumentsError) { form.prepare("x" * 4000) }
    assert_raises(Client::Unusable) { run_form(method: "GET", url: "run?", values: ["a"]).prepare(1) }
  end

  def test_the_length_of_a_message_with_blobs_is_what_is_written
    form = run_form(values: %w[a b])
    [0, 1, 9, 65_535, 65_536, 65_537, 131_072, 200_000].each do |size|
      blobs = Array.new(11) { |index| Hyperglyph::Blob.new("x" * (index.zero? || index == 10 ? size : index), content_type: "a/b") }
      call = form.prepare(blobs, { "z" => Hyperglyph::Blob.new(StringIO.new("y" * size), content_type: "c/d") })
      octets = body(call)
      assert_equal octets.bytesize, call.octets.length, size
      assert_equal size, Hyperglyph.load(octets)["b"]["z"].read.bytesize
    end
  end

  def test_what_public_pages_lead_to
    public = Client::Page.new(client, "http://93.184.215.14/", public: true)
    [link("http://127.0.0.1/"), link("http://0x7f.1/"), form("http://localhost:1/")].each do |leading|
      assert_raises(Client::Refused) { public.value(leading).prepare }
    end
    allowed = Client::Page.new(client(private_addresses: true), "http://93.184.215.14/", public: true)
    assert_equal "http://127.0.0.1/", allowed.value(link("http://127.0.0.1/")).prepare.url
    secure = Client::Page.new(client, "https://93.184.215.14/", public: true)
    assert_raises(Client::Refused) { secure.value(link("http://93.184.215.15/")).prepare }
  end

  # A name that is not public is found when it is resolved: nothing is connected to.
  def test_a_name_that_resolves_to_no_public_address
    server = script { flunk "it was asked" }
    target = Hyperglyph::HTTP::URL.target("http://#{Socket.gethostname}:#{URI(server.url).port}/")
    addresses = Addrinfo.getaddrinfo(target.host, nil, nil, :STREAM).map(&:ip_address)
    skip "this machine's name is #{addresses.inspect}" if addresses.any? { |address| Client::Address.public?(address) }
    request = Client::Request.new(method: "GET", target: target, headers: [], deadline: Hyperglyph::HTTP::Deadline::NEVER, safe: true, permit: Client::Address.method(:public?))
    assert_raises(Client::Refused) { Client::Adapter.new.call(request) }
    assert_equal 0, server.connections
  rescue SocketError
    skip "this machine's name cannot be resolved"
  end
end
