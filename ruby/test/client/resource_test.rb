# frozen_string_literal: true

require_relative "helper"

# Resources, and what is called on them.
class ClientResourceTest < Minitest::Test
  include Scripting

  def test_data_is_given_and_forms_and_links_are_called
    server = pages("/" => resource({ "n" => 5, "add" => form("add", "a", input("b", value: 2)), "it" => link("it") }),
                   "/add" => ->(request) { Hyperglyph.load(request.body).values.sum }, "/it" => "found")
    root = client.get(server.url)
    assert_equal 5, root.n
    assert_equal 3, root.add(1)
    assert_equal 7, root.add(3, b: 4)
    assert_equal 9, root.add(b: 4, a: 5)
    assert_equal "found", root.it
    assert_equal %w[a b], root["add"].inputs
    assert_equal %w[add it n], Client.members(root)
    assert_equal server.url("/add"), Client.url(root["add"])
    assert_equal server.url, Client.url(root)
  end

  def test_reading_asks_nobody
    server = pages("/" => resource({ "it" => link("it"), "f" => form("f"), "in" => resource({ "x" => 1 }, url: "in/") }))
    root = client.get(server.url)
    root["it"].inspect
    root["f"].doc
    root["in"].x
    assert_raises(Client::NoMember) { root["nothing"] }
    assert_raises(NoMethodError) { root.nothing }
    refute_respond_to root, :nothing
    assert_equal 1, server.asked.size
  end

  def test_names_that_every_object_has_are_reached_by_brackets
    names = %w[class send hash object_id __hyperglyph__ instance_eval method inspect == [] freeze a\ b @x é]
    root = client.get(pages("/" => resource(names.to_h { |name| [name, "member #{name}"] })).url)
    names.each { |name| assert_equal "member #{name}", root[name] }
    assert_equal Client::Resource, root.class
  end

  def test_private_names_of_kernel_are_members
    server = pages("/" => resource({ "system" => form("s"), "open" => 1, "fail" => 2 }), "/s" => "from the server")
    root = client.get(server.url)
    assert_equal "from the server", root.system
    assert_equal 1, root.open
    assert_equal 2, root.fail
    assert_respond_to root, :open
  end

  def test_ruby_itself_calls_nothing_on_a_page
    traps = %w[to_ary to_str to_hash to_proc to_a to_path to_io to_json coerce exception marshal_dump _dump encode_with deconstruct]
    server = pages("/" => resource(traps.to_h { |name| [name, form("trap")] }), "/trap" => "x")
    root = client.get(server.url)
    [[root]].flatten
    _one, = *root
    assert_kind_of String, root.to_s
    capture_io { puts root }
    assert_raises(TypeError) { "a" + root }
    assert_raises(TypeError) { raise root }
    assert_raises(TypeError) { 1 + root }
    assert_raises(TypeError) { File.join(root, "x") }
    case root
    in [_] then flunk
    else nil
    end
    # What a library has given every object, as json does to_json, is that library's, and asks nothing either.
    traps.each do |name|
      Object.method_defined?(name) ? root.public_send(name) : assert_raises(NoMethodError) { root.public_send(name) }
    end
    assert_equal 1, server.asked.size
    assert_equal "x", root["to_str"].call
  end

  def test_messages_and_inspect_tell_no_path
    server = pages("/s3cret/" => resource({ "l" => link("s3cret2"), "f" => form("s3cret3") }, url: nil))
    root = client.get(server.url("/s3cret/"))
    texts = [root.inspect, root["l"].inspect, root["f"].inspect, assert_raises(NoMethodError) { root.nothing }.message]
    texts << assert_raises(Client::Error) { root.l }.message
    texts.each { |text| refute_includes text, "s3cret" }
  end

  def test_a_content_that_is_no_dict_is_found_when_it_is_used
    root = client.get(pages("/" => [Hyperglyph::Extension.decoded("resource", {}, [1]), 7]).url)
    assert_equal 7, root[1]
    assert_raises(Client::Unusable) { root[0]["x"] }
    assert_equal [], Client.members(root[0])
  end

  def test_a_record_is_sent_with_its_data_and_not_fetched
    server = pages("/" => resource({ "r" => resource({ "n" => 1, "l" => link("x") }, url: nil), "f" => form("f", "a") }), "/f" => true)
    root = client.get(server.url)
    assert_raises(Client::Unusable) { Client.reload(root.r) }
    root.f(root.r)
    sent = Hyperglyph.load(server.asked.last.body)["a"]
    assert_equal({ "n" => 1, "l" => link(server.url("/x")) }, sent.content)
    refute sent.attributes.key?("url")
  end

  def test_reload_fetches_anew
    count = 0
    server = pages("/" => ->(_) { resource({ "n" => count += 1 }) })
    root = client.get(server.url)
    assert_equal 1, root.n
    assert_equal 2, Client.reload(root).n
    assert_equal 1, root.n
  end

  def test_partial_resources_share_forms_and_fetch_the_rest_once
    full = resource({ "n" => 0, "go" => form("go", input("x", value: link("d"))), "l" => link("l"), "i" => link("i", 1, inline: true) },
                    url: "c/0/", profile: "C")
    partial = resource({ "n" => 1 }, url: "c/1/", profile: "C", partial: true)
    server = pages("/" => [full, partial], "/c/1/go" => ->(request) { Hyperglyph.load(request.body)["x"] }, "/c/1/l" => "l of 1",
                   "/c/1/" => resource({ "n" => 1, "i" => link("i", "its own", inline: true), "more" => 2 }, url: "/c/1/"))
    one = client.get(server.url)[1]
    assert_equal 1, one.n
    assert_equal "l of 1", one.l
    assert_equal server.url("/c/1/d"), one.go.url
    assert_equal %w[go l n], Client.members(one)
    refute_respond_to one, :more
    assert_equal 3, server.asked.size
    results = 8.times.map { Thread.new { one.more } }.map(&:value)
    assert_equal [2] * 8, results
    assert_equal "its own", one.i
    assert_raises(NoMethodError) { one.zzz }
    assert_respond_to one, :more
    assert_equal 4, server.asked.size
  end

  def test_unknown_extensions_are_values_whose_content_works
    page = Hyperglyph::Extension.new("colour", { url: "box/", n: 1 }, { "l" => link("l") })
    server = pages("/" => { "x" => page, "f" => form("f", "a") }, "/box/l" => "from the box", "/f" => 1)
    root = client.get(server.url)
    assert_equal ["colour", "box/", server.url("/box/")], [root["x"].name, root["x"]["url"], root["x"].url]
    assert_equal "from the box", root["x"].content["l"].call
    root["f"].call(root["x"])
    assert_equal server.url("/box/l"), Hyperglyph.load(server.asked.last.body)["a"].content["l"]["url"]
  end
end
