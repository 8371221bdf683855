# frozen_string_literal: true

require "logger"
require "socket"

module Hyperglyph
  module Server
    # What a service offers: a table of names, filled before the first request. Nothing else can be reached.
    #
    #     router = Hyperglyph::Router.new(secret: ENV.fetch("SECRET"))
    #     router.add(method(:hello), defaults: { name: "World" })
    #     router.add(Counter)
    #     run router.app
    class Router
      # Octets of a request's body, blobs included.
      MAX_BODY = 256 << 20
      # Items of a sequence that is sent as a list (REQ-SEQ-7).
      MAX_LIST = 10_000

      attr_reader :name, :actions, :references, :hosts, :limits, :logger, :max_body, :max_list, :vary

      # secret: at least 16 octets, or an Array of such, of which the first one signs. hosts: the names to answer
      # for, without ports; absent: addresses, localhost, and the machine's own name (REQ-HEAD-5). limits: of
      # messages that come. logger: where failures are told under their logref. vary: more headers that answers
      # depend on, Cookie say (REQ-COND-6).
      def initialize(secret:, name: "root", hosts: nil, limits: Limits.server, logger: Logger.new($stderr),
                     max_body: MAX_BODY, max_list: MAX_LIST, vary: [])
        @references = References.new(secret)
        @name = name
        @hosts = hosts&.map(&:downcase)&.freeze
        @limits = limits
        @logger = logger
        @max_body = max_body
        @max_list = max_list
        @vary = (%w[Accept Accept-Encoding Authorization] + vary).uniq.join(", ").freeze
        @actions = {}
        @descriptions = {}
        @types = {}
      end

      # Offers a Method, a Proc, or a class with Hyperglyph::Resource, whose call then makes an instance. name: as it
      # stands on the page; a lambda needs one, a Method and a class have their own. Options:
      #
      # * defaults: a Hash of parameter to the default that its form tells; takes: of parameter to what it must be
      #   (see Signature);
      # * safe: called by GET; embed: safe, and its result stands in the page; redirect: answered by 303;
      # * blob: its one argument, a blob, is the body of the request;
      # * public_for: seconds for which any cache may keep what a safe one gives, whoever asks;
      # * modified: a Time, or what is called with the same arguments and gives one: when the result changed last;
      # * doc: text for people; hidden (of a class): no instances are made by callers, those that they are given work.
      #
      # Raises ArgumentError for what cannot be offered so, FrozenError once the router is in use.
      def add(target, name: nil, **options)
        name = (name || name_of(target)).to_s
        check_name(name)
        if target.is_a?(Class)
          add_class(target, name, options)
        else
          raise ArgumentError, "#{target.inspect} is no Method, lambda or class" unless
            target.is_a?(Method) || target.is_a?(Proc)

          @actions[name] = Action.new(name, "#{name}()", parameters_of(target), options) do |_, positional, keywords|
            target.call(*positional, **keywords)
          end
        end
        self
      end

      # The Rack application. keywords: see App. Nothing can be added any more.
      def app(**options)
        [@actions, @descriptions, @types].each(&:freeze)
        App.new(self, **options)
      end

      def description(name)
        @descriptions[name]
      end

      # Raises ArgumentError for an object of a class that was not registered.
      def description_of(instance)
        @types.fetch(instance.class) do
          raise ArgumentError, "#{instance.class} is not registered: router.add(#{instance.class})"
        end
      end

      private

      def name_of(target)
        name = target.is_a?(Class) ? target.name&.split("::")&.last : (target.name if target.is_a?(Method))
        name or raise ArgumentError, "#{target.inspect} needs a name: router.add(..., name: \"add\")"
      end

      def check_name(name)
        raise ArgumentError, "a name is text" if name.empty? || !name.encode(Encoding::UTF_8).valid_encoding?
        raise ArgumentError, "no URL can end in #{name}" if [".", ".."].include?(name)
        raise ArgumentError, "#{name} is there already" if @actions.key?(name) || @descriptions.key?(name)
      end

      def add_class(type, name, options)
        @descriptions[name] = @types[type] = Description.new(name, type)
        return if options.delete(:hidden)

        parameters = type.instance_method(:initialize).parameters
        @actions[name] = Action.new(name, "#{name}()", parameters, options) do |_, positional, keywords|
          type.new(*positional, **keywords)
        end
      end

      # A Proc that is no lambda takes all of its parameters for optional, and fills what is missing with nil.
      def parameters_of(function)
        raise ArgumentError, "a lambda, please: a Proc does not say which of its parameters must be given" if
          function.is_a?(Proc) && !function.lambda?

        function.parameters
      end
    end
  end

  # Short for authors of services.
  Router = Server::Router
end
