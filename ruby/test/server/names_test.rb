# frozen_string_literal: true

require_relative "helper"

# REQ-SAFE-5: no name that Ruby's objects have by themselves leads anywhere.
class TestNames < Minitest::Test
  include Served

  # Has a method of its own, and none besides.
  class Thing
    include Hyperglyph::Resource

    def initialize(id = 0)
      @id = id
    end

    safe def own
      @id
    end
  end

  # Every name that objects, classes and modules have, and private ones; of the gem's own objects, too.
  def names
    objects = [Object.new, Class.new, Module.new, Thing.new, Thing, -> {}, method(:names), nil, 1, "", [], {}, $stdout,
               Hyperglyph::Router.new(secret: SECRET), Hyperglyph::Server::App.allocate]
    of_instances = [BasicObject, Object, Kernel, Module, Class, Comparable, Method, Proc, Thing].flat_map do |type|
      type.instance_methods + type.private_instance_methods + type.singleton_methods + type.private_methods
    end
    of_objects = objects.flat_map { |object| object.methods + object.private_methods }
    found = (of_instances + of_objects).map(&:to_s).uniq - ["own"]
    found + %w[@id @@id Object Kernel :own own= own? own! __class__ constructor]
  end

  def test_none_can_be_reached
    serve { |router| router.add(Thing, name: "Thing") }
    instance = post("/Thing").headers["location"]
    assert_equal 0, get("#{instance}own").value
    tried = 0
    Net::HTTP.start("127.0.0.1", @server.port) do |http|
      names.each do |name|
        segment = Hyperglyph::HTTP::Forms.percent_encode(name)
        segment = segment.gsub(".", "%2E")
        paths = ["/#{segment}", "#{instance}#{segment}", "/Thing/#{segment}", "/#{segment}/#{instance.split('/')[2]}/"]
        paths.each do |path|
          [Net::HTTP::Get, Net::HTTP::Post].each do |type|
            request = type.new(path, "content-type" => TYPE, "accept" => TYPE)
            request.body = "O;" if request.request_body_permitted?
            status = http.request(request).code.to_i
            tried += 1
            assert_equal 404, status, "#{request.method} #{path}"
          end
        end
      end
    end
    assert_operator names.size, :>, 600
    assert_equal names.size * 8, tried
    assert_equal "", @log.string.lines.grep(/ERROR/).join
  end
end
